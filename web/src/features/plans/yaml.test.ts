import { expect, it } from 'vitest'
import { stepsOf, waysOf } from './yaml'

const text = `plans:
  hotline:
    title: 热线
    start: shift
    steps:
      shift:
        hours: {table: city_day, open: city, closed: night}
      # By day.
      city:
        wait:
          queue: city
          keys: {"9": emergency}
          nobody: emergency
      emergency:
        say: {prompts: [apology], then: city}
  other:
    steps:
      night:
        hangup: true
`

it('finds steps with their line, kind and note', () => {
  const steps = stepsOf({ name: 'a.yaml', text })
  expect(steps.map(({ plan, name, kind, line, note }) => ({ plan, name, kind, line, note }))).toEqual([
    { plan: 'hotline', name: 'shift', kind: 'hours', line: 6, note: '' },
    { plan: 'hotline', name: 'city', kind: 'wait', line: 9, note: 'By day.' },
    { plan: 'hotline', name: 'emergency', kind: 'say', line: 14, note: '' },
    { plan: 'other', name: 'night', kind: 'hangup', line: 18, note: '' },
  ])
})

it('leads to steps of the same plan only, and takes no queue for a step', () => {
  const steps = stepsOf({ name: 'a.yaml', text })
  const ways = (name: string) => {
    const step = steps.find((each) => each.name === name)
    return step ? waysOf(step, steps) : []
  }
  expect(ways('shift')).toEqual([{ by: 'open', to: 'city' }])
  expect(ways('city')).toEqual([
    { by: '9', to: 'emergency' },
    { by: 'nobody', to: 'emergency' },
  ])
})

it('never fails on what is no plan', () => {
  for (const odd of ['', '\t', 'steps:\n', '    steps:\n:::', 'a'.repeat(1000)])
    expect(stepsOf({ name: 'x', text: odd })).toEqual([])
})
