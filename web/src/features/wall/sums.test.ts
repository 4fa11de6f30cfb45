import { expect, it } from 'vitest'
import type { Queue } from '../../api/types'
import { sumQueues } from './sums'

const none = { offline: 0, not_ready: 0, ready: 0, reserved: 0, talking: 0, after_call: 0 }
const seat = (agent_id: string, state: 'ready' | 'talking') => ({
  agent_id,
  name: agent_id,
  extension: '',
  state,
  since: '',
})
const queue = (over: Partial<Queue>): Queue => ({
  id: 'q',
  name: 'q',
  waiting: [],
  agents: none,
  seats: [],
  trend: [],
  topics: [],
  service_level: { within_s: 15, value: null, numerator: 0, denominator: 0, definition: '' },
  connect_rate: { value: null, numerator: 0, denominator: 0, definition: '' },
  today: { offered: 0, answered: 0, abandoned: 0, average_wait_ms: 0, average_talk_ms: 0 },
  ...over,
})

it('adds rates as fractions, not as averages', () => {
  const rate = (numerator: number, denominator: number) => ({
    within_s: 15,
    value: numerator / denominator,
    numerator,
    denominator,
    definition: '',
  })
  const sums = sumQueues([queue({ service_level: rate(99, 100) }), queue({ service_level: rate(0, 1) })])
  expect(sums.serviceLevel).toBeCloseTo(99 / 101)
})
it('has no rate without calls', () => expect(sumQueues([queue({})]).serviceLevel).toBeNull())
it('counts an agent of two queues once', () => {
  const sums = sumQueues([
    queue({ seats: [seat('a', 'ready'), seat('b', 'talking')] }),
    queue({ seats: [seat('a', 'ready')] }),
  ])
  expect([sums.agents.ready, sums.agents.talking, sums.online]).toEqual([1, 1, 2])
})
it('finds the longest waiting of all', () => {
  const wait = (since: string) => ({ call_id: since, number: '', since, place: 1 })
  expect(
    sumQueues([
      queue({ waiting: [wait('2026-11-24T02:00:30Z')] }),
      queue({ waiting: [wait('2026-11-24T02:00:10Z')] }),
    ]).oldest,
  ).toBe('2026-11-24T02:00:10Z')
})
