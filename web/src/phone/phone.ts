/**
 * The phone of an agent: a state machine outside React around a `Device`.
 *
 *   off → opening → connecting ⇄ registered
 *                       │ invite
 *                       ▼
 *          ringing → answering → active → (ended) registered
 *   elsewhere: another tab owns the phone        failed: refused, tried again later
 *
 * It knows the media leg only. Held, queued, transferred is what the hub's events say of the call.
 * After a reload it registers, asks `GET /desk` whether a call is running, and if so asks the hub
 * to take the leg up again; the INVITE that follows is answered without a ring.
 */
import type { PhoneAccount } from '../api/types'

export type PhoneState =
  | 'off'
  | 'elsewhere'
  | 'opening'
  | 'connecting'
  | 'registered'
  | 'ringing'
  | 'answering'
  | 'active'
  | 'failed'

export interface PhoneSnapshot {
  state: PhoneState
  muted: boolean
  /** Why `failed`, or what is wrong with the microphone. */
  problem: string | null
  /** The running leg was taken up again after a reload. */
  reattached: boolean
}

/** What the phone asks of the SIP stack. */
export interface Device {
  answer(): void
  reject(): void
  hangUp(): void
  mute(muted: boolean): void
  dtmf(digit: string): void
  stop(): void
}

export interface DeviceEvents {
  registered(): void
  unregistered(): void
  failed(cause: string): void
  invited(reattach: boolean): void
  confirmed(): void
  ended(cause?: string): void
  noMicrophone(): void
}

/** What the phone needs of the world. */
/** The hub says that this person has no phone here: asking again will not change it. */
export class NoPhone extends Error {}

export interface PhoneWorld {
  /** Resolves when this tab owns the phone; `release` gives it up. */
  own(onElsewhere: () => void): Promise<() => void>
  /** Rejects with `NoPhone` where the person has none. */
  account(): Promise<PhoneAccount>
  device(account: PhoneAccount, events: DeviceEvents): Promise<Device>
  /** Whether the hub says that this agent has a call that should have a leg here. */
  runningCall(): Promise<boolean>
  reattach(): Promise<void>
  ring(on: boolean): void
  later(ms: number, run: () => void): () => void
}

/** Between attempts after the hub refused the account or was away. */
export const RETRY_MS = 5_000
/** An INVITE that comes this soon after asking for the leg is the leg, marked or not. */
export const REATTACH_WINDOW_MS = 10_000

export class Phone {
  private state: PhoneState = 'off'
  private muted = false
  private problem: string | null = null
  private reattached = false
  private awaitingReattach = false
  private askedReattach = false
  private autoAnswer = false
  private device: Device | null = null
  private release: () => void = () => {}
  private run = 0
  private cancelRetry: () => void = () => {}
  private cancelWindow: () => void = () => {}
  private snapshot: PhoneSnapshot = { state: 'off', muted: false, problem: null, reattached: false }
  private readonly watchers = new Set<() => void>()

  constructor(private readonly world: PhoneWorld) {}

  getSnapshot = (): PhoneSnapshot => this.snapshot

  subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher)
    return () => this.watchers.delete(watcher)
  }

  setAutoAnswer(on: boolean): void {
    this.autoAnswer = on
  }

  async start(): Promise<void> {
    if (this.state !== 'off') return
    const mine = ++this.run
    this.go('opening')
    const release = await this.world.own(() => {
      if (mine === this.run) this.go('elsewhere')
    })
    if (mine !== this.run) return release()
    this.release = release
    await this.open(mine)
  }

  /** Lets go of the device and of the tab's ownership; the call itself goes on at the hub. */
  stop(): void {
    this.run += 1
    this.cancelRetry()
    this.cancelWindow()
    this.world.ring(false)
    this.device?.stop()
    this.device = null
    this.release()
    this.release = () => {}
    this.forgetLeg()
    this.go('off')
  }

  answer(): void {
    if (this.state !== 'ringing') return
    this.world.ring(false)
    this.go('answering')
    this.device?.answer()
  }

  reject(): void {
    if (this.state === 'ringing') this.device?.reject()
  }

  /** Ends the media leg here; the hub is asked first by the desk, this is for when it cannot be reached. */
  hangUp(): void {
    this.device?.hangUp()
  }

  mute(muted: boolean): void {
    if (this.state !== 'active') return
    this.muted = muted
    this.device?.mute(muted)
    this.publish()
  }

  dtmf(digit: string): void {
    if (this.state === 'active' && /^[0-9A-D*#]$/.test(digit)) this.device?.dtmf(digit)
  }

  private async open(mine: number): Promise<void> {
    this.go('connecting')
    try {
      const account = await this.world.account()
      if (mine !== this.run) return
      const device = await this.world.device(account, this.events(mine))
      if (mine !== this.run) return device.stop()
      this.device = device
    } catch (failure) {
      if (mine !== this.run) return
      if (failure instanceof NoPhone) this.stop()
      else this.fail(failure instanceof Error ? failure.message : String(failure))
    }
  }

  private events(mine: number): DeviceEvents {
    const guard =
      <A extends unknown[]>(run: (...args: A) => void) =>
      (...args: A) => {
        if (mine === this.run) run(...args)
      }
    return {
      registered: guard(() => this.registered()),
      unregistered: guard(() => this.unregistered()),
      failed: guard((cause: string) => this.fail(cause)),
      invited: guard((reattach: boolean) => this.invited(reattach)),
      confirmed: guard(() => this.confirmed()),
      ended: guard(() => this.ended()),
      noMicrophone: guard(() => this.noMicrophone()),
    }
  }

  private registered(): void {
    if (this.inCall()) return
    this.problem = null
    this.go('registered')
    if (!this.askedReattach) void this.takeUp()
  }

  /** Once per page: is there a call of mine that has lost its leg with the old page? */
  private async takeUp(): Promise<void> {
    this.askedReattach = true
    const mine = this.run
    try {
      if (!(await this.world.runningCall()) || mine !== this.run || this.inCall()) return
      this.awaitingReattach = true
      this.cancelWindow = this.world.later(REATTACH_WINDOW_MS, () => {
        this.awaitingReattach = false
      })
      await this.world.reattach()
    } catch {
      // The call has ended meanwhile, or the hub is away: the next registration asks again.
      this.awaitingReattach = false
      this.askedReattach = false
    }
  }

  private unregistered(): void {
    // A lost signalling socket does not end the media: the leg stays as it is.
    if (!this.inCall() && this.state !== 'off') this.go('connecting')
    this.askedReattach = this.inCall()
  }

  private invited(reattach: boolean): void {
    this.reattached = reattach || this.awaitingReattach
    this.awaitingReattach = false
    this.cancelWindow()
    this.go('ringing')
    if (this.reattached || this.autoAnswer) this.answer()
    else this.world.ring(true)
  }

  private confirmed(): void {
    this.world.ring(false)
    this.problem = null
    this.go('active')
  }

  private ended(): void {
    this.world.ring(false)
    this.forgetLeg()
    this.go('registered')
  }

  private noMicrophone(): void {
    this.problem = 'microphone'
    this.publish()
  }

  private fail(cause: string): void {
    if (this.inCall()) return
    this.device?.stop()
    this.device = null
    this.problem = cause
    this.go('failed')
    const mine = ++this.run
    this.cancelRetry()
    this.cancelRetry = this.world.later(RETRY_MS, () => {
      if (mine === this.run) void this.open(mine)
    })
  }

  private inCall(): boolean {
    return this.state === 'ringing' || this.state === 'answering' || this.state === 'active'
  }

  private forgetLeg(): void {
    this.muted = false
    this.reattached = false
  }

  private go(state: PhoneState): void {
    this.state = state
    this.publish()
  }

  private publish(): void {
    this.snapshot = {
      state: this.state,
      muted: this.muted,
      problem: this.problem,
      reattached: this.reattached,
    }
    for (const watcher of this.watchers) watcher()
  }
}
