/**
 * The live feed: one WebSocket of the hub's log, resumed after a loss from the last position seen.
 *
 * A view model outside React. Sockets, clock and timers come from outside (`FeedWorld`), so that
 * tests drive it without a network and without waiting. It knows records, not what they mean.
 *
 *   idle → connecting → live ⇄ lost → signed_out
 *
 * `seq` is the position in this hub's log; a record at or before the last position is a repeat
 * (the hub may send the overlap again) and is dropped.
 */
import type { HubEvent } from '../api/types'

export type FeedState = 'idle' | 'connecting' | 'live' | 'lost' | 'signed_out'

export interface FeedSnapshot {
  state: FeedState
  /** When the console last knew that its facts were current, epoch ms; null before the first connection. */
  asOf: number | null
}

export interface FeedSocket {
  close(): void
}

export interface SocketHandlers {
  open(): void
  message(text: string): void
  closed(code: number): void
}

/** The hub says that nobody is signed in here. */
export class SignedOut extends Error {}

/** What the feed needs of the world. */
export interface FeedWorld {
  now(): number
  connect(after: number | null, handlers: SocketHandlers): FeedSocket
  /** Asks the twin `GET /events?after`; resolves to the newest position, or rejects (`SignedOut` where that is why). */
  probe(after: number): Promise<number>
  later(ms: number, run: () => void): () => void
  /** A number in [0, 1), to spread the reconnections of a whole city. */
  random(): number
}

/** First wait before a new attempt; doubled up to the greatest. A restarted hub is back in seconds. */
export const RETRY_FIRST_MS = 500
export const RETRY_MAX_MS = 15_000
/** Silence after which the link is doubted and probed: proxies cut quiet sockets without a word. */
export const QUIET_MS = 20_000
/** Close code by which the hub says that the session has ended. */
export const CLOSE_SIGNED_OUT = 4401
/** After any position of any log: asks only whether the hub answers. */
const PRESENT = Number.MAX_SAFE_INTEGER
/** A record larger than this is not ours. */
const RECORD_MAX_CHARS = 1_000_000

export class LiveFeed {
  private state: FeedState = 'idle'
  private asOf: number | null = null
  private after: number | null = null
  private attempts = 0
  private wasOpen = false
  private socket: FeedSocket | null = null
  private generation = 0
  private cancelTimer: () => void = () => {}
  private snapshot: FeedSnapshot = { state: 'idle', asOf: null }
  private readonly watchers = new Set<() => void>()
  private readonly listeners = new Set<(event: HubEvent) => void>()
  private readonly gapListeners = new Set<() => void>()

  constructor(private readonly world: FeedWorld) {}

  start(): void {
    if (this.state === 'idle' || this.state === 'signed_out') this.open()
  }

  stop(): void {
    this.drop()
    this.set('idle')
  }

  /** Tries again at once, for instance when the browser says it is online. */
  retryNow(): void {
    if (this.state === 'lost') this.open()
  }

  getSnapshot = (): FeedSnapshot => this.snapshot

  subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher)
    return () => this.watchers.delete(watcher)
  }

  onEvent(listener: (event: HubEvent) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Called when records may have been missed: the link came back without a position to resume from. */
  onGap(listener: () => void): () => void {
    this.gapListeners.add(listener)
    return () => this.gapListeners.delete(listener)
  }

  private open(): void {
    this.drop()
    const mine = ++this.generation
    this.wasOpen = false
    const current = (run: () => void) => () => {
      if (mine === this.generation) run()
    }
    if (this.state !== 'lost') this.set('connecting')
    this.socket = this.world.connect(this.after, {
      open: current(() => this.opened()),
      message: (text) => current(() => this.message(text))(),
      closed: (code) => current(() => this.closed(code))(),
    })
  }

  private opened(): void {
    const wasLost = this.state === 'lost'
    this.attempts = 0
    this.wasOpen = true
    this.fresh()
    this.set('live')
    if (wasLost && this.after === null) for (const listener of this.gapListeners) listener()
  }

  private message(text: string): void {
    this.fresh()
    const event = parseRecord(text)
    if (!event) return
    if (this.after !== null && event.seq <= this.after) return
    this.after = event.seq
    for (const listener of this.listeners) listener(event)
  }

  private closed(code: number): void {
    const refused = !this.wasOpen
    this.drop()
    if (code === CLOSE_SIGNED_OUT) {
      this.end()
      return
    }
    this.lost()
    if (refused) this.askWhy()
  }

  private lost(): void {
    this.set('lost')
    const ceiling = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(this.attempts, 10))
    this.attempts += 1
    const wait = ceiling / 2 + (ceiling / 2) * this.world.random()
    this.cancelTimer = this.world.later(wait, () => this.open())
  }

  /** A browser does not tell why an upgrade was refused; the twin does. */
  private askWhy(): void {
    const mine = this.generation
    this.world.probe(this.after ?? PRESENT).catch((failure: unknown) => {
      if (mine === this.generation && failure instanceof SignedOut) this.end()
    })
  }

  private end(): void {
    this.drop()
    this.set('signed_out')
  }

  private fresh(): void {
    this.asOf = this.world.now()
    this.cancelTimer()
    this.cancelTimer = this.world.later(QUIET_MS, () => this.doubt())
  }

  /** Quiet for long: an idle city or a dead link? The twin answers which. */
  private doubt(): void {
    const mine = this.generation
    const after = this.after
    this.world.probe(after ?? PRESENT).then(
      (newest) => {
        if (mine !== this.generation) return
        const missed = after !== null && newest > after && this.after === after
        if (missed) this.fail()
        else this.fresh()
      },
      (failure: unknown) => {
        if (mine !== this.generation) return
        if (failure instanceof SignedOut) this.end()
        else this.fail()
      },
    )
  }

  private fail(): void {
    this.drop()
    this.lost()
  }

  private drop(): void {
    this.cancelTimer()
    this.cancelTimer = () => {}
    this.generation += 1
    this.socket?.close()
    this.socket = null
  }

  private set(state: FeedState): void {
    this.state = state
    this.snapshot = { state, asOf: this.asOf }
    for (const watcher of this.watchers) watcher()
  }
}

/** A record of the log, or null for anything else (heartbeats, garbage). */
export function parseRecord(text: string): HubEvent | null {
  if (text.length > RECORD_MAX_CHARS) return null
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const record = value as Partial<HubEvent>
  if (
    typeof record.kind !== 'string' ||
    typeof record.seq !== 'number' ||
    typeof record.subject !== 'string'
  ) {
    return null
  }
  return { ...(record as HubEvent), body: record.body ?? {} }
}
