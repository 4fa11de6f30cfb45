import { describe, expect, it } from 'vitest'
import type { HubEvent } from '../api/types'
import { bareId, CachePatcher, GATHER_MS, REST_MS, touchedKeys } from './patch'

const event = (kind: string, subject: string, body: Record<string, unknown> = {}): HubEvent => ({
  site: 'zz',
  seq: 1,
  at: '',
  kind,
  subject,
  body,
})

describe('touchedKeys', () => {
  it('a case event touches its page, its timeline and the lists', () => {
    expect(touchedKeys(event('case.assigned', 'case/c1'))).toContainEqual(['cases', 'timeline', 'c1'])
    expect(touchedKeys(event('case.assigned', 'c1'))).toContainEqual(['cases', 'list'])
  })
  it('an event of another kind about a case touches that case', () => {
    expect(touchedKeys(event('message.delivered', 'm1', { case_id: 'c7' }))).toContainEqual([
      'cases',
      'timeline',
      'c7',
    ])
  })
  it('an unknown kind touches nothing', () => {
    expect(touchedKeys(event('weather.changed', 'x'))).toEqual([])
  })
})

describe('bareId', () => {
  it.each([
    ['case/c1', 'c1'],
    ['case:c1', 'c1'],
    ['c1', 'c1'],
  ])('%s → %s', (subject, id) => {
    expect(bareId(subject)).toBe(id)
  })
})

/** A patcher whose timers the test fires: those due by `ms` from the start. */
function patcherWithClock() {
  const asked: string[] = []
  let now = 0
  const timers: { at: number; run: () => void }[] = []
  const patcher = new CachePatcher(
    {
      invalidateQueries: async (filter) => {
        asked.push(JSON.stringify(filter?.queryKey))
      },
    },
    (ms, run) => timers.push({ at: now + ms, run }),
  )
  const until = (ms: number) => {
    for (;;) {
      timers.sort((a, b) => a.at - b.at)
      const next = timers[0]
      if (!next || next.at > ms) break
      timers.shift()
      now = next.at
      next.run()
    }
    now = ms
  }
  const count = (key: string) => asked.filter((each) => each === key).length
  return { patcher, until, count }
}

describe('CachePatcher', () => {
  it('asks once for what a burst of events touched', () => {
    const { patcher, until, count } = patcherWithClock()
    for (let i = 0; i < 50; i++) patcher.see(event('call.answered', 'k1'))
    until(GATHER_MS)
    expect(count('["queues"]')).toBe(1)
    until(10_000)
    expect(count('["queues"]')).toBe(1)
    patcher.see(event('call.ended', 'k1'))
    until(10_000 + GATHER_MS)
    expect(count('["queues"]')).toBe(2)
  })

  it('lets lists rest in a storm, asks for the open case each time, and forgets nothing', () => {
    const { patcher, until, count } = patcherWithClock()
    for (let at = 0; at < 5_000; at += 100) {
      until(at)
      patcher.see(event('case.assigned', 'case:c1'))
    }
    until(5_000)
    const last = count('["cases","list"]')
    expect(last).toBeGreaterThanOrEqual(20)
    expect(last).toBeLessThanOrEqual(5_000 / REST_MS)
    expect(count('["cases","one","c1"]')).toBe(50)
    patcher.see(event('case.assigned', 'case:c1'))
    until(20_000)
    expect(count('["cases","list"]')).toBe(last + 1)
  })
})
