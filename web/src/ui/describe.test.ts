import { expect, it, describe as suite } from 'vitest'
import type { HubEvent } from '../api/types'
import { describe } from './describe'

const say = {
  raw: (key: string, options?: Record<string, unknown>) =>
    key in WORDS
      ? (WORDS[key] ?? '').replace('{{unit}}', String(options?.unit))
      : String(options?.defaultValue ?? key),
  code: (_set: string, value: string | number | null | undefined) => String(value ?? ''),
}
const WORDS: Record<string, string> = {
  'event.case.assigned': '交办 {{unit}}',
  'event.message.received': '收到短信',
  'event.call.ended_out': '联系市民',
}
const event = (kind: string, body: Record<string, unknown>): HubEvent => ({
  site: 'zz',
  seq: 1,
  at: '',
  kind,
  subject: 's1',
  body,
  actor: { name: '李敏' },
})

suite('an event in words', () => {
  it('names the unit of an assignment', () =>
    expect(describe(event('case.assigned', { unit: '市自来水公司' }), say).title).toBe('交办 市自来水公司'))
  it('names a unit that comes as a reference', () =>
    expect(
      describe(event('case.assigned', { unit: { id: 'u', path: '/', name: '市热力集团' } }), say).title,
    ).toBe('交办 市热力集团'))
  it('shows no sealed text, and an opened one in either form', () => {
    expect(
      describe(event('message.received', { text: { $sealed: 'phone:x', text: 'AAAA' } }), say).quote,
    ).toBeUndefined()
    expect(
      describe(event('message.received', { text: { $personal: 'phone:x', text: '好' } }), say).quote,
    ).toBe('好')
    expect(describe(event('message.received', { text: null }), say).quote).toBeUndefined()
  })
  it('quotes what a citizen wrote', () =>
    expect(describe(event('message.received', { text: '１' }), say).quote).toBe('１'))
  it('tells an outgoing call from an incoming one, and finds its recording', () => {
    const told = describe(event('call.ended', { direction: 'out', recording: true, call_id: 'k9' }), say)
    expect([told.title, told.recordingOf]).toEqual(['联系市民', 'k9'])
  })
  it('shows the name of a kind it does not know', () =>
    expect(describe(event('weather.changed', { text: 'x' }), say)).toMatchObject({
      title: 'weather.changed',
      text: 'x',
      group: 'step',
    }))
  it('survives bodies of another shape', () => {
    for (const body of [{ units: 'x', decisions: [1, null], text: {} }, { limits: null }, { co_units: {} }]) {
      for (const kind of [
        'meeting.ended',
        'case.assigned',
        'order.created',
        'message.failed',
        'call.answered',
        'clock.overdue',
      ]) {
        expect(() => describe(event(kind, body), say)).not.toThrow()
      }
    }
  })
})
