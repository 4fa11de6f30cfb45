import { describe, expect, it } from 'vitest'
import type { Order } from '../../api/ops'
import { climbsAt, verbsOf } from './order'

const order = (change: Partial<Order>): Order => ({
  id: 'o',
  case_id: null,
  text: '抢修',
  responder_id: 'r',
  responder: '抢修一队',
  state: 'given',
  place: null,
  given_by: '周涛',
  given_at: '2026-11-24T10:00:00+08:00',
  ladder: [],
  alerted: 1,
  exhausted: false,
  reached: [],
  result: null,
  ...change,
})

describe('verbsOf', () => {
  it('offers the next step first, and calling off only to who gives orders', () => {
    expect(verbsOf(order({}), { handle: true, give: false })).toEqual(['accept', 'en_route', 'decline'])
    expect(verbsOf(order({ state: 'on_site' }), { handle: true, give: true })).toEqual(['done', 'cancel'])
  })
  it('offers nothing at the end, and nothing to who may only look', () => {
    expect(verbsOf(order({ state: 'done' }), { handle: true, give: true })).toEqual([])
    expect(verbsOf(order({}), { handle: false, give: false })).toEqual([])
  })
})

describe('climbsAt', () => {
  it('counts the same time for each who was alerted', () => {
    const second = climbsAt(order({ alerted: 2 }), 300)
    expect(second).toBe(Date.parse('2026-11-24T10:10:00+08:00'))
  })
  it('is over once answered or exhausted', () => {
    expect(climbsAt(order({ state: 'accepted' }), 300)).toBeNull()
    expect(climbsAt(order({ exhausted: true }), 300)).toBeNull()
    expect(climbsAt(order({}), undefined)).toBeNull()
  })
})
