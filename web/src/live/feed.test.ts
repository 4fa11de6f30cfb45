import { describe, expect, it } from 'vitest'
import {
  CLOSE_SIGNED_OUT,
  type FeedWorld,
  LiveFeed,
  parseRecord,
  QUIET_MS,
  RETRY_MAX_MS,
  SignedOut,
  type SocketHandlers,
} from './feed'

class FakeWorld implements FeedWorld {
  time = 1_000
  sockets: { after: number | null; handlers: SocketHandlers; closed: boolean }[] = []
  timers: { at: number; run: () => void }[] = []
  probeAnswer: () => Promise<number> = () => Promise.resolve(0)
  now = () => this.time
  random = () => 0.5
  probe = () => this.probeAnswer()
  connect(after: number | null, handlers: SocketHandlers) {
    const socket = { after, handlers, closed: false }
    this.sockets.push(socket)
    return {
      close: () => {
        socket.closed = true
      },
    }
  }
  later(ms: number, run: () => void) {
    const timer = { at: this.time + ms, run }
    this.timers.push(timer)
    return () => {
      this.timers = this.timers.filter((t) => t !== timer)
    }
  }
  async advance(ms: number) {
    this.time += ms
    const due = this.timers.filter((t) => t.at <= this.time)
    this.timers = this.timers.filter((t) => t.at > this.time)
    for (const timer of due) timer.run()
    await Promise.resolve()
    await Promise.resolve()
  }
  last() {
    const socket = this.sockets.at(-1)
    if (!socket) throw new Error('no socket was opened')
    return socket
  }
}

const record = (seq: number) =>
  JSON.stringify({ site: 'zz', seq, at: '', kind: 'case.assigned', subject: 'c1', body: {} })

function started() {
  const world = new FakeWorld()
  const feed = new LiveFeed(world)
  const seen: number[] = []
  feed.onEvent((event) => seen.push(event.seq))
  feed.start()
  world.last().handlers.open()
  return { world, feed, seen }
}

describe('live feed', () => {
  it('resumes after the last position seen, and drops the overlap', async () => {
    const { world, feed, seen } = started()
    world.last().handlers.message(record(41))
    world.last().handlers.message(record(42))
    world.last().handlers.closed(1006)
    expect(feed.getSnapshot().state).toBe('lost')
    await world.advance(1_000)
    expect(world.last().after).toBe(42)
    world.last().handlers.open()
    world.last().handlers.message(record(42))
    world.last().handlers.message(record(43))
    expect(feed.getSnapshot().state).toBe('live')
    expect(seen).toEqual([41, 42, 43])
  })

  it('says since when its facts are old', () => {
    const { world, feed } = started()
    world.time = 5_000
    world.last().handlers.message(record(1))
    world.time = 9_000
    world.last().handlers.closed(1006)
    expect(feed.getSnapshot()).toEqual({ state: 'lost', asOf: 5_000 })
  })

  it('waits longer between attempts, up to a limit', async () => {
    const { world } = started()
    for (let i = 0; i < 12; i++) {
      world.last().handlers.closed(1006)
      expect(world.timers).toHaveLength(1)
      expect((world.timers[0]?.at ?? 0) - world.time).toBeLessThanOrEqual(RETRY_MAX_MS)
      await world.advance(RETRY_MAX_MS)
    }
    expect(world.sockets).toHaveLength(13)
  })

  it('reports a gap when it comes back without a position', async () => {
    const { world, feed } = started()
    let gaps = 0
    feed.onGap(() => {
      gaps += 1
    })
    world.last().handlers.closed(1006)
    await world.advance(1_000)
    world.last().handlers.open()
    expect(gaps).toBe(1)
  })

  it('probes a quiet link and drops it when records were missed', async () => {
    const { world, feed } = started()
    world.last().handlers.message(record(7))
    world.probeAnswer = () => Promise.resolve(7)
    await world.advance(QUIET_MS)
    expect(feed.getSnapshot().state).toBe('live')
    world.probeAnswer = () => Promise.resolve(9)
    await world.advance(QUIET_MS)
    expect(feed.getSnapshot().state).toBe('lost')
    expect(world.last().closed).toBe(true)
  })

  it('does not try again when the session has ended', () => {
    const { world, feed } = started()
    world.last().handlers.closed(CLOSE_SIGNED_OUT)
    expect(feed.getSnapshot().state).toBe('signed_out')
    expect(world.timers).toHaveLength(0)
  })

  it('learns from the twin that a refused socket means an ended session', async () => {
    const { world, feed } = started()
    world.last().handlers.closed(1006)
    world.probeAnswer = () => Promise.reject(new SignedOut())
    await world.advance(1_000)
    world.last().handlers.closed(1006) // the upgrade was answered with 401
    await Promise.resolve()
    await Promise.resolve()
    expect(feed.getSnapshot().state).toBe('signed_out')
    expect(world.timers).toHaveLength(0)
  })

  it('ignores a socket it has given up', async () => {
    const { world, seen } = started()
    const old = world.last()
    old.handlers.closed(1006)
    await world.advance(1_000)
    old.handlers.message(record(99))
    expect(seen).toEqual([])
  })
})

describe('parseRecord', () => {
  it.each(['', 'null', '[]', '{', '{"kind":1}', '{"seq":"1","kind":"a","subject":"b"}', '"x"'])(
    'refuses %s',
    (text) => {
      expect(parseRecord(text)).toBeNull()
    },
  )
  it('gives a missing body an empty one', () => {
    expect(parseRecord('{"seq":1,"kind":"a.b","subject":"c"}')?.body).toEqual({})
  })
})
