/**
 * The browser as an agent's telephone: JsSIP behind a small interface. It carries registration,
 * the media leg and the microphone; what the call *is* (held, transferred, ended) the hub tells.
 * Nothing else imports JsSIP, and JsSIP is loaded only when a phone is started.
 */
import type { RTCSession } from 'jssip/lib/RTCSession'
import type { RTCSessionEvent, UA } from 'jssip/lib/UA'
import type { PhoneAccount } from '../api/types'
import type { Device, DeviceEvents } from './phone'

/** One registration per working hour is enough; the hub learns of a closed tab by the socket. */
const REGISTER_EXPIRES_S = 600

type Session = RTCSession

export const jssipDevice = async (account: PhoneAccount, events: DeviceEvents): Promise<Device> => {
  const { UA, WebSocketInterface } = await import('jssip')
  const socket = new WebSocketInterface(socketUrl(account.ws))
  dropReplaces(socket)
  const ua = new UA({
    sockets: [socket],
    uri: account.uri,
    authorization_user: account.username,
    password: account.password,
    register: true,
    register_expires: REGISTER_EXPIRES_S,
    session_timers: false,
    user_agent: 'liandong-console',
    connection_recovery_min_interval: 1,
    connection_recovery_max_interval: 15,
  })
  return new JsSipDevice(ua, events)
}

/**
 * The INVITE after a reload names the dialog of the page that is gone, for phones that kept it. JsSIP would refuse it
 * with 481 before anyone is asked; which leg it takes over, `X-Liandong-Reattach` says as well.
 */
function dropReplaces(socket: object): void {
  let deliver: (data: unknown) => void = () => {}
  Object.defineProperty(socket, 'ondata', {
    get: () => (data: unknown) => deliver(withoutReplaces(data)),
    set: (next: typeof deliver) => {
      deliver = next
    },
  })
}

export function withoutReplaces(data: unknown): unknown {
  if (typeof data !== 'string' || !data.startsWith('INVITE ')) return data
  const end = data.indexOf('\r\n\r\n')
  return data.slice(0, end).replace(/\r\nReplaces:[^\r\n]*/gi, '') + data.slice(end)
}

function socketUrl(ws: string | undefined): string {
  const url = new URL(ws ?? '/sip', location.href)
  if (url.protocol === 'http:' || url.protocol === 'https:')
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return url.href
}

class JsSipDevice implements Device {
  private session: Session | null = null
  private readonly audio = new Audio()

  constructor(
    private readonly ua: UA,
    private readonly events: DeviceEvents,
  ) {
    this.audio.autoplay = true
    ua.on('registered', () => events.registered())
    ua.on('unregistered', () => events.unregistered())
    ua.on('registrationFailed', (failure: { cause?: string }) => events.failed(failure.cause ?? 'unknown'))
    ua.on('disconnected', () => events.unregistered())
    ua.on('newRTCSession', (event: RTCSessionEvent) => this.newSession(event))
    ua.start()
  }

  answer(): void {
    // No ICE servers: the hub is the only peer and is reached directly (ICE-lite).
    this.session?.answer({ mediaConstraints: { audio: AUDIO, video: false }, pcConfig: { iceServers: [] } })
  }

  reject(): void {
    this.session?.terminate({ status_code: 486 })
  }

  hangUp(): void {
    if (this.session && !this.session.isEnded()) this.session.terminate()
  }

  mute(muted: boolean): void {
    if (muted) this.session?.mute({ audio: true })
    else this.session?.unmute({ audio: true })
  }

  dtmf(digit: string): void {
    this.session?.sendDTMF(digit, { transportType: 'RFC2833' as never })
  }

  async setSpeaker(deviceId: string): Promise<void> {
    const audio = this.audio as HTMLAudioElement & { setSinkId?: (id: string) => Promise<void> }
    await audio.setSinkId?.(deviceId)
  }

  stop(): void {
    // The call must outlive a reload: the socket is closed, no BYE and no un-REGISTER is sent.
    this.audio.srcObject = null
    this.session?.connection?.close()
    this.ua.removeAllListeners()
    const transport = (this.ua as unknown as { transport?: { disconnect(): void } }).transport
    transport?.disconnect()
  }

  private newSession({ session, originator }: RTCSessionEvent): void {
    if ((originator as string) !== 'remote') return
    const before = this.session
    if (before && !before.isEnded() && !isReattach(session)) {
      session.terminate({ status_code: 486 })
      return
    }
    this.session = session
    // The same leg on a new dialog: the old one has no one to speak to any more.
    if (before && !before.isEnded()) before.terminate()
    session.on('confirmed', () => this.current(session) && this.events.confirmed())
    session.on('ended', () => this.over(session))
    session.on('failed', (failure: { cause?: string }) => this.over(session, failure.cause))
    session.on('getusermediafailed', () => this.events.noMicrophone())
    session.on('peerconnection', ({ peerconnection }: { peerconnection: RTCPeerConnection }) =>
      this.listen(peerconnection),
    )
    this.events.invited(isReattach(session))
  }

  private listen(connection: RTCPeerConnection): void {
    connection.addEventListener('track', (event) => {
      this.audio.srcObject = event.streams[0] ?? new MediaStream([event.track])
      void this.audio.play().catch(() => undefined)
    })
  }

  private current(session: Session): boolean {
    return this.session === session
  }

  private over(session: Session, cause?: string): void {
    if (!this.current(session)) return
    this.session = null
    this.audio.srcObject = null
    this.events.ended(cause)
  }
}

const AUDIO: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true }

/** The hub marks the INVITE that takes a running call up again (after a page reload). */
function isReattach(session: Session): boolean {
  const request = (session as unknown as { _request?: { getHeader(name: string): string | undefined } })
    ._request
  return (
    request?.getHeader('X-Liandong-Reattach') !== undefined ||
    /answer-after=0|auto/i.test(request?.getHeader('Call-Info') ?? '')
  )
}
