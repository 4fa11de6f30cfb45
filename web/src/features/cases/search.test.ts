import { describe, expect, it } from 'vitest'
import { caseQueryOf, caseSearch } from './search'

describe('the case list in the address', () => {
  it('keeps what it knows, as text', () => {
    expect(caseSearch({ view: 'open', q: 2611240073182, node: '', nonsense: 'x', unit: 'u1' })).toEqual({
      view: 'open',
      q: '2611240073182',
      unit: 'u1',
    })
  })
  it('refuses a view it does not know', () => expect(caseSearch({ view: 'secret' })).toEqual({}))
  it('asks in the hub’s words', () => {
    expect(caseQueryOf({ view: 'overdue', urgency: 'urgent' })).toEqual({
      ended: false,
      card: 'red',
      urgency: 'urgent',
    })
    expect(caseQueryOf({})).toEqual({})
  })
})
