import { describe, expect, it } from 'vitest'
import type { HubEvent } from '../api/types'
import { bareId, CachePatcher, touchedKeys } from './patch'

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

describe('CachePatcher', () => {
  it('asks once for what a burst of events touched', () => {
    const asked: unknown[] = []
    let flush = () => {}
    const patcher = new CachePatcher(
      {
        invalidateQueries: async (filter) => {
          asked.push(filter?.queryKey)
        },
      },
      (_ms, run) => {
        flush = run
      },
    )
    for (let i = 0; i < 50; i++) patcher.see(event('call.answered', 'k1'))
    flush()
    expect(asked.filter((key) => JSON.stringify(key) === '["queues"]')).toHaveLength(1)
    patcher.see(event('call.ended', 'k1'))
    flush()
    expect(asked.filter((key) => JSON.stringify(key) === '["queues"]')).toHaveLength(2)
  })
})
