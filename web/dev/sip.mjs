// The mock hub's side of SIP over WebSocket: welcomes every REGISTER, calls the browser that registered last,
// and hands its SDP answer to whoever offered. Just enough to try the phone; the real stack is the hub's.

/** Registered sockets, newest last. */
const lines = []
let callNo = 0
let live = null

const head = (text, name) =>
  text.split('\r\n').find((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`)) ?? ''

/** Takes one SIP message of a browser. `send` writes a text frame to it. */
export function sipMessage(send, text, onRegister) {
  if (text.startsWith('REGISTER')) {
    const line = { send, contact: /<([^>]+)>/.exec(head(text, 'Contact'))?.[1] ?? 'sip:8001@127.0.0.1' }
    lines.push(line)
    send(reply(text, 'SIP/2.0 200 OK', [`${head(text, 'Contact')};expires=600`]))
    onRegister()
    return
  }
  if (text.startsWith('BYE') || text.startsWith('CANCEL')) {
    send(reply(text, 'SIP/2.0 200 OK', []))
    live?.ended?.()
    live = null
    return
  }
  const code = Number(/^SIP\/2\.0 (\d+)/.exec(text)?.[1] ?? 0)
  if (code >= 200 && / INVITE/.test(head(text, 'CSeq')) && live) finish(text, code)
}

function reply(request, status, more) {
  const to = head(request, 'To')
  const tagged = to.includes(';tag=') ? to : `${to};tag=mock`
  return [
    status,
    head(request, 'Via'),
    head(request, 'From'),
    tagged,
    head(request, 'Call-ID'),
    head(request, 'CSeq'),
    ...more,
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n')
}

function finish(text, code) {
  const { send, contact, id } = live
  live.to = head(text, 'To')
  send(request('ACK', contact, id, live.to, 1, ''))
  if (code < 300) live.resolve(text.slice(text.indexOf('\r\n\r\n') + 4))
  else live.reject(new Error(text.split('\r\n')[0]))
}

function request(method, contact, id, to, cseq, body, more = []) {
  return [
    `${method} ${contact} SIP/2.0`,
    `Via: SIP/2.0/WS 127.0.0.1;branch=z9hG4bK${id}${method}`,
    'Max-Forwards: 70',
    'From: <sip:13800138001@127.0.0.1>;tag=hub',
    to,
    `Call-ID: ${id}`,
    `CSeq: ${cseq} ${method}`,
    'Contact: <sip:hub@127.0.0.1;transport=ws>',
    ...more,
    ...(body ? ['Content-Type: application/sdp'] : []),
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n')
}

/** Calls the browser that registered last with this offer; resolves to its answer. */
export function invite(sdp, more = []) {
  const line = lines.at(-1)
  if (!line) return Promise.reject(new Error('no phone has registered'))
  const id = `mock${++callNo}`
  return new Promise((resolve, reject) => {
    live = { ...line, id, resolve, reject }
    line.send(request('INVITE', line.contact, id, 'To: <sip:8001@127.0.0.1>', 1, sdp, more))
  })
}

/** Ends the leg from the hub's side. */
export function bye() {
  if (!live?.to) return
  live.send(request('BYE', live.contact, live.id, live.to, 2, ''))
  live = null
}

/** An offer that can be rung with, but not talked over: for pictures. */
export const SILENT_OFFER = [
  'v=0',
  'o=- 1 1 IN IP4 127.0.0.1',
  's=-',
  't=0 0',
  'm=audio 9 UDP/TLS/RTP/SAVPF 8',
  'c=IN IP4 0.0.0.0',
  'a=sendrecv',
  '',
].join('\r\n')
