import { describe, expect, it } from 'vitest'
import {
  type Device,
  type DeviceEvents,
  NoPhone,
  Phone,
  type PhoneWorld,
  REATTACH_WINDOW_MS,
  RETRY_MS,
} from './phone'

class FakeDevice implements Device {
  log: string[] = []
  answer = () => void this.log.push('answer')
  reject = () => void this.log.push('reject')
  hangUp = () => void this.log.push('hang up')
  mute = (on: boolean) => void this.log.push(on ? 'mute' : 'unmute')
  dtmf = (digit: string) => void this.log.push(`dtmf ${digit}`)
  stop = () => void this.log.push('stop')
}

class FakeWorld implements PhoneWorld {
  time = 0
  timers: { at: number; run: () => void }[] = []
  devices: { device: FakeDevice; events: DeviceEvents }[] = []
  ringing = false
  running = false
  reattachAsked = 0
  accountFails = 0
  released = 0
  own = async () => () => void (this.released += 1)
  account = async () => {
    if (this.accountFails-- > 0) throw new Error('refused')
    return { uri: 'sip:8001@x', username: '8001', password: 'p' }
  }
  device = async (_account: unknown, events: DeviceEvents) => {
    const device = new FakeDevice()
    this.devices.push({ device, events })
    return device
  }
  runningCall = async () => this.running
  reattach = async () => void (this.reattachAsked += 1)
  ring = (on: boolean) => void (this.ringing = on)
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
    await settle()
  }
  get last() {
    const last = this.devices.at(-1)
    if (!last) throw new Error('no device was made')
    return last
  }
}

const settle = async () => {
  for (let i = 0; i < 8; i++) await Promise.resolve()
}

async function registered(setup: (world: FakeWorld) => void = () => {}) {
  const world = new FakeWorld()
  setup(world)
  const phone = new Phone(world)
  await phone.start()
  world.last.events.registered()
  await settle()
  return { world, phone, state: () => phone.getSnapshot().state }
}

describe('a call comes', () => {
  it('rings, is answered, and ends', async () => {
    const { world, phone, state } = await registered()
    world.last.events.invited(false)
    expect([state(), world.ringing]).toEqual(['ringing', true])
    phone.answer()
    expect([state(), world.ringing]).toEqual(['answering', false])
    world.last.events.confirmed()
    expect(state()).toBe('active')
    world.last.events.ended()
    expect(state()).toBe('registered')
    expect(world.last.device.log).toEqual(['answer'])
  })

  it('stops ringing when the caller gives up', async () => {
    const { world, state } = await registered()
    world.last.events.invited(false)
    world.last.events.ended('Canceled')
    expect([state(), world.ringing]).toEqual(['registered', false])
  })

  it('is answered without a ring where the agent wants that', async () => {
    const { world, phone } = await registered()
    phone.setAutoAnswer(true)
    world.last.events.invited(false)
    expect(world.last.device.log).toEqual(['answer'])
    expect(world.ringing).toBe(false)
  })

  it('mute ends with the call', async () => {
    const { world, phone } = await registered()
    world.last.events.invited(false)
    phone.answer()
    phone.mute(true)
    expect(phone.getSnapshot().muted).toBe(false) // nothing to mute yet
    world.last.events.confirmed()
    phone.mute(true)
    expect(phone.getSnapshot().muted).toBe(true)
    world.last.events.ended()
    expect(phone.getSnapshot().muted).toBe(false)
  })

  it('sends only digits that exist', async () => {
    const { world, phone } = await registered()
    world.last.events.invited(false)
    phone.answer()
    world.last.events.confirmed()
    for (const digit of ['1', '#', 'x', '12']) phone.dtmf(digit)
    expect(world.last.device.log).toEqual(['answer', 'dtmf 1', 'dtmf #'])
  })
})

describe('the page was reloaded in mid-call', () => {
  it('asks for the leg and answers it at once', async () => {
    const { world, phone, state } = await registered((w) => {
      w.running = true
    })
    expect(world.reattachAsked).toBe(1)
    world.last.events.invited(false)
    expect(state()).toBe('answering')
    expect(world.ringing).toBe(false)
    world.last.events.confirmed()
    expect(phone.getSnapshot()).toMatchObject({ state: 'active', reattached: true })
  })

  it('does not take a later call for the leg', async () => {
    const { world, state } = await registered((w) => {
      w.running = true
    })
    await world.advance(REATTACH_WINDOW_MS)
    world.last.events.invited(false)
    expect(state()).toBe('ringing')
  })

  it('asks nothing when no call is running', async () => {
    const { world } = await registered()
    expect(world.reattachAsked).toBe(0)
  })

  it('asks once only, also when registered again', async () => {
    const { world } = await registered((w) => {
      w.running = true
    })
    world.last.events.registered()
    await settle()
    expect(world.reattachAsked).toBe(1)
  })
})

describe('the link', () => {
  it('loses registration without losing the call', async () => {
    const { world, phone, state } = await registered()
    world.last.events.invited(false)
    phone.answer()
    world.last.events.confirmed()
    world.last.events.unregistered()
    expect(state()).toBe('active')
    world.last.events.failed('timeout')
    expect(state()).toBe('active')
  })

  it('tries again after a refusal', async () => {
    const world = new FakeWorld()
    world.accountFails = 1
    const phone = new Phone(world)
    await phone.start()
    expect(phone.getSnapshot()).toMatchObject({ state: 'failed', problem: 'refused' })
    await world.advance(RETRY_MS)
    world.last.events.registered()
    expect(phone.getSnapshot()).toMatchObject({ state: 'registered', problem: null })
  })

  it('stays off for a person without a phone', async () => {
    const world = new FakeWorld()
    world.account = () => Promise.reject(new NoPhone())
    const phone = new Phone(world)
    await phone.start()
    expect(phone.getSnapshot().state).toBe('off')
    expect([world.timers.length, world.released]).toEqual([0, 1])
  })

  it('gives the phone up on stop, and a late event changes nothing', async () => {
    const { world, phone, state } = await registered()
    const { events, device } = world.last
    phone.stop()
    events.invited(false)
    expect(state()).toBe('off')
    expect(device.log).toEqual(['stop'])
    expect(world.released).toBe(1)
  })
})
