import { expect, it } from 'vitest'
import { stageTransform } from './stage'

it('fits the narrower side', () => {
  expect(stageTransform(1920, 1080, 0)).toBe('translate(0px, 0px) scale(1)')
  expect(stageTransform(3840, 1080, 0)).toContain('scale(1)')
  expect(stageTransform(960, 1080, 0)).toContain('scale(0.5)')
})
it('moves a few pixels over time and comes back', () => {
  const places = [0, 1, 2, 3, 4].map((i) => stageTransform(1920, 1080, i * 5 * 60_000))
  expect(new Set(places).size).toBe(4)
  expect(places[4]).toBe(places[0])
})
