/** The browser as the feed's world: WebSocket, fetch, timers. */
import { API_BASE, requestHeaders } from '../api/client'
import { type FeedWorld, SignedOut, type SocketHandlers } from './feed'

export const browserWorld: FeedWorld = {
  now: () => Date.now(),
  random: () => Math.random(),
  connect(after, handlers) {
    return openSocket(eventsUrl(after), handlers)
  },
  async probe(after) {
    const answer = await fetch(`${API_BASE}/events?after=${after}&limit=1`, {
      headers: requestHeaders('GET'),
    })
    if (answer.status === 401) throw new SignedOut()
    if (!answer.ok) throw new Error(`events answered ${answer.status}`)
    const page = (await answer.json()) as { items?: { seq?: number }[] }
    return page.items?.at(-1)?.seq ?? after
  },
  later(ms, run) {
    const timer = setTimeout(run, ms)
    return () => clearTimeout(timer)
  },
}

function eventsUrl(after: number | null): string {
  const url = new URL(`${API_BASE}/events`, location.href)
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:'
  if (after !== null) url.searchParams.set('after', String(after))
  return url.href
}

function openSocket(url: string, handlers: SocketHandlers) {
  const socket = new WebSocket(url)
  socket.onopen = () => handlers.open()
  socket.onmessage = (message) => {
    if (typeof message.data === 'string') handlers.message(message.data)
  }
  socket.onclose = (close) => handlers.closed(close.code)
  return { close: () => socket.close() }
}
