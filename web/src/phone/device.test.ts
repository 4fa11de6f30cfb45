import { describe, expect, it } from 'vitest'
import { withoutReplaces } from './device'

const invite = [
  'INVITE sip:x@y.invalid SIP/2.0',
  'X-Liandong-Reattach: 1',
  'Replaces: f766;to-tag=a;from-tag=b',
  'Content-Length: 9',
  '',
  'Replaces:',
].join('\r\n')

describe('the INVITE that takes a running call up again', () => {
  it('comes to JsSIP without the dialog of the page that is gone', () => {
    expect(withoutReplaces(invite)).toBe(invite.replace('Replaces: f766;to-tag=a;from-tag=b\r\n', ''))
  })

  it('leaves everything else alone', () => {
    const bye = invite.replace('INVITE', 'BYE')
    expect(withoutReplaces(bye)).toBe(bye)
    const bytes = new ArrayBuffer(2)
    expect(withoutReplaces(bytes)).toBe(bytes)
  })
})
