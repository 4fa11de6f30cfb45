import { expect, it } from 'vitest'
import { layoutOf, TILES_MAX } from './layout'
import type { Attendee } from './room'

const person = (id: string, change: Partial<Attendee> = {}): Attendee => ({
  id,
  name: id,
  local: false,
  speaking: false,
  microphone: true,
  link: 'good',
  camera: null,
  screen: null,
  sound: [],
  ...change,
})
const track = {} as Attendee['screen']

it.each([
  [1, 1],
  [2, 2],
  [4, 2],
  [5, 3],
  [9, 3],
  [10, 4],
])('%d people stand in %d columns', (n, columns) => {
  const people = Array.from({ length: n }, (_, i) => person(String(i)))
  expect(layoutOf(people).columns).toBe(columns)
})

it('puts another’s screen on the stage before one’s own', () => {
  const people = [person('me', { local: true, screen: track }), person('you', { screen: track })]
  expect(layoutOf(people).stage?.person.id).toBe('you')
})

it('shows who speaks where not all have room, and never reorders a small meeting', () => {
  const many = Array.from({ length: TILES_MAX + 5 }, (_, i) => person(String(i)))
  many[TILES_MAX + 3] = person('speaker', { speaking: true })
  expect(layoutOf(many).tiles[0]?.person.id).toBe('speaker')
  expect(layoutOf([person('a'), person('b', { speaking: true })]).tiles[0]?.person.id).toBe('a')
})
