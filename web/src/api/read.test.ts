import { describe, expect, it } from 'vitest'
import { readCase, readClock, readCounts, readDesk, readQueues } from './read'

const at = (minutes: number) => new Date(Date.UTC(2026, 10, 24, 2, minutes)).toISOString()
const now = Date.parse(at(30))
const clock = (more: Record<string, unknown>) => ({
  kind: 'sign',
  budget: { amount: 60, unit: 'minutes' },
  calendar: 'city',
  segments: [{ from: at(0), run: true, reason: 'assigned' }],
  due_at: at(60),
  ...more,
})

describe('a clock of the hub', () => {
  it('runs', () =>
    expect(readClock(clock({}), now)).toMatchObject({
      state: 'running',
      used_ms: 30 * 60_000,
      budget_ms: 60 * 60_000,
      card: 'none',
      budget: { minutes: 60 },
    }))
  it('is yellow near its end and red after it', () => {
    expect(readClock(clock({}), Date.parse(at(50)))?.card).toBe('yellow')
    expect(readClock(clock({}), Date.parse(at(61)))?.card).toBe('red')
  })
  it('counts no time while it pauses', () => {
    const paused = clock({
      due_at: undefined,
      segments: [
        { from: at(0), to: at(10), run: true, reason: '' },
        { from: at(10), run: false, reason: '待市民补充' },
      ],
    })
    expect(readClock(paused, now)).toMatchObject({
      state: 'paused',
      used_ms: 10 * 60_000,
      pause_reason: '待市民补充',
    })
  })
  it('was met or missed', () => {
    expect(readClock(clock({ ended_at: at(5), outcome: 'met' }), now)).toMatchObject({
      state: 'met',
      used_ms: 5 * 60_000,
    })
    expect(readClock(clock({ ended_at: at(99), outcome: 'late' }), now)?.state).toBe('missed')
  })
  it('limits nothing once cancelled', () =>
    expect(readClock(clock({ outcome: 'cancelled' }), now)).toBeNull())
})

describe('a case of the hub', () => {
  const line = {
    id: 'c1',
    public_no: '2611240073182',
    title: '水管爆裂',
    node: 'assigned',
    step: 3,
    class_zh: '供水管道爆裂',
    place: '农业路',
    lead_unit_id: 'u1',
    lead_unit: '自来水公司',
    due_at: at(60),
    due_kind: 'sign',
    card: 'yellow',
    reported_at: at(0),
  }
  it('as a line: the clock due first, the unit by name', () => {
    expect(readCase(line, now)).toMatchObject({
      class_name: '供水管道爆裂',
      place: { text: '农业路' },
      lead_unit: { id: 'u1', name: '自来水公司' },
      collected_at: at(0),
      clocks: [{ kind: 'sign', due_at: at(60), card: 'yellow' }],
    })
  })
  it('as a page: results, co-handlers, verbs', () => {
    const page = readCase(
      {
        ...line,
        location: { text: '农业路', lon: 113.6, lat: 34.7 },
        area: { unit: { id: 'v', name: '文化路社区' } },
        clocks: [clock({})],
        results: [
          { code: 'partly', answer: '先', co: false },
          { code: 'resolved', answer: '协办', co: true },
        ],
        work_items: [
          { kind: 'lead', unit: { id: 'u1', name: 'a' } },
          { kind: 'co_handle', state: 'signed', unit: { id: 'u2', name: '城管局' } },
        ],
        verbs: [{ verb: 'sign', zh: '签收', schema: { properties: {} } }],
        revisits: [{ solved: 'no', satisfied_result: 2 }],
      },
      now,
    )
    expect(page).toMatchObject({
      place: { lon: 113.6, grid: { name: '文化路社区' } },
      result_code: 'partly',
      answer_text: '先',
      co_units: [{ name: '城管局' }],
      verbs: [{ verb: 'sign', title: '签收' }],
      satisfied_result: 2,
      calendar: 'city',
    })
  })
  it('survives anything', () => {
    for (const value of [
      null,
      5,
      'x',
      [],
      {},
      { clocks: 5, verbs: [null], links: [3], place: [], requester: 'x' },
    ])
      expect(() => readCase(value)).not.toThrow()
  })
})

it('counts come with or without their box', () => {
  expect(readCounts({ boxes: { to_sign: 3 } })).toEqual({ to_sign: 3 })
  expect(readCounts({ to_sign: 3 })).toEqual({ to_sign: 3 })
})

it('the queue machine’s snapshot becomes queues with seats and figures', () => {
  const snapshot = {
    queues: [
      {
        queue: 'city',
        title: '市热线',
        waiting: [{ call: 'k1', place: 1, waited_ms: 4000 }],
        figures: [
          { name: 'connect_rate_15s', value: 0.9, counted: 9, over: 10, definition: 'd' },
          { name: 'connect_rate', value: 1, counted: 9, over: 9 },
        ],
      },
    ],
    agents: [
      { agent: 'p1', queues: ['city'], state: 'wrap_up', call: 'k0', for_ms: 1000 },
      { agent: 'p2', queues: ['other'], state: 'ready' },
    ],
  }
  const [queue] = readQueues(snapshot, now).items
  expect(queue).toMatchObject({
    name: '市热线',
    agents: { after_call: 1, ready: 0 },
    service_level: { value: 0.9, numerator: 9, denominator: 10, within_s: 15 },
    today: { offered: 10, answered: 9 },
  })
  expect(queue?.waiting[0]?.since).toBe(new Date(now - 4000).toISOString())
})

it('a desk that tells little is still a desk', () => {
  expect(readDesk({ state: 'not_ready', reason: { code: 'chosen', text: '就餐' } })).toMatchObject({
    state: 'not_ready',
    reason: '就餐',
    callbacks: [],
    changed: [],
    call: null,
  })
})
