/**
 * A meeting as the page sees it: who is there, who speaks, what is shown. The only place that knows livekit-client;
 * outside React, read through `subscribe` and `getSnapshot`.
 *
 *   idle → joining → joined ⇄ reconnecting → left
 */
import {
  ConnectionQuality,
  ConnectionState,
  DisconnectReason,
  type Participant,
  Room,
  RoomEvent,
  Track,
  type TrackPublication,
} from 'livekit-client'

export type RoomState = 'idle' | 'joining' | 'joined' | 'reconnecting' | 'left'
/** Why one is out: by oneself, the meeting ended, put out, joined elsewhere, or the link was lost. */
export type LeftBecause = 'own' | 'ended' | 'removed' | 'elsewhere' | 'lost' | null
/** What was asked of the browser and refused. */
export type DeviceFault = 'microphone' | 'camera' | 'screen' | null

export interface Attendee {
  id: string
  name: string
  local: boolean
  speaking: boolean
  microphone: boolean
  link: 'good' | 'poor' | 'lost' | 'unknown'
  camera: Track | null
  screen: Track | null
  sound: Track[]
}

export interface MeetingSnapshot {
  state: RoomState
  because: LeftBecause
  title: string
  people: Attendee[]
  microphone: boolean
  camera: boolean
  screen: boolean
  fault: DeviceFault
  /** The browser plays no sound before a click. */
  silent: boolean
}

export interface Wishes {
  microphone: boolean
  camera: boolean
  audioDevice?: string
  videoDevice?: string
}

const SHOWN = [
  RoomEvent.ConnectionStateChanged,
  RoomEvent.ParticipantConnected,
  RoomEvent.ParticipantDisconnected,
  RoomEvent.ParticipantNameChanged,
  RoomEvent.ActiveSpeakersChanged,
  RoomEvent.TrackSubscribed,
  RoomEvent.TrackUnsubscribed,
  RoomEvent.TrackMuted,
  RoomEvent.TrackUnmuted,
  RoomEvent.LocalTrackPublished,
  RoomEvent.LocalTrackUnpublished,
  RoomEvent.ConnectionQualityChanged,
  RoomEvent.AudioPlaybackStatusChanged,
  RoomEvent.RoomMetadataChanged,
] as const

const NOBODY: MeetingSnapshot = {
  state: 'idle',
  because: null,
  title: '',
  people: [],
  microphone: false,
  camera: false,
  screen: false,
  fault: null,
  silent: false,
}

export class MeetingRoom {
  /** Small pictures cost little: each gets the size that it is shown in. */
  private readonly room = new Room({ adaptiveStream: true, dynacast: true })
  private readonly watchers = new Set<() => void>()
  private snapshot = NOBODY
  private because: LeftBecause = null
  private fault: DeviceFault = null
  private joining = false

  constructor() {
    for (const event of SHOWN) this.room.on(event, this.refresh)
    this.room.on(RoomEvent.Disconnected, (reason) => {
      if (this.joining) return
      this.because = becauseOf(reason)
      this.refresh()
    })
  }

  getSnapshot = (): MeetingSnapshot => this.snapshot
  subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher)
    return () => this.watchers.delete(watcher)
  }

  /** Joins, and then turns on what was wished; a refused device does not keep one out. */
  async join(url: string, token: string, wishes: Wishes): Promise<void> {
    this.because = null
    this.joining = true
    this.refresh()
    try {
      await this.room.connect(url, token)
    } finally {
      this.joining = false
      this.refresh()
    }
    if (wishes.microphone) await this.setMicrophone(true, wishes.audioDevice)
    if (wishes.camera) await this.setCamera(true, wishes.videoDevice)
  }

  async leave(): Promise<void> {
    this.because = 'own'
    await this.room.disconnect()
    this.refresh()
  }

  setMicrophone(on: boolean, deviceId?: string): Promise<void> {
    const device = deviceId ? { deviceId } : undefined
    return this.device('microphone', () => this.room.localParticipant.setMicrophoneEnabled(on, device))
  }

  setCamera(on: boolean, deviceId?: string): Promise<void> {
    const device = deviceId ? { deviceId } : undefined
    return this.device('camera', () => this.room.localParticipant.setCameraEnabled(on, device))
  }

  setScreen(on: boolean): Promise<void> {
    return this.device('screen', () => this.room.localParticipant.setScreenShareEnabled(on, { audio: true }))
  }

  async playSound(): Promise<void> {
    await this.room.startAudio()
    this.refresh()
  }

  private async device(name: Exclude<DeviceFault, null>, work: () => Promise<unknown>): Promise<void> {
    this.fault = null
    try {
      await work()
    } catch {
      this.fault = name
    }
    this.refresh()
  }

  private refresh = (): void => {
    const { localParticipant: own } = this.room
    const people = [own, ...this.room.remoteParticipants.values()].map((each) => attendee(each, each === own))
    this.snapshot = {
      state: this.state(),
      because: this.because,
      title: this.room.name,
      people: this.room.state === ConnectionState.Disconnected ? [] : people,
      microphone: own.isMicrophoneEnabled,
      camera: own.isCameraEnabled,
      screen: own.isScreenShareEnabled,
      fault: this.fault,
      silent: !this.room.canPlaybackAudio,
    }
    for (const watcher of this.watchers) watcher()
  }

  private state(): RoomState {
    if (this.joining) return 'joining'
    if (this.because) return 'left'
    if (this.room.state === ConnectionState.Connected) return 'joined'
    return this.room.state === ConnectionState.Disconnected ? 'idle' : 'reconnecting'
  }
}

function becauseOf(reason: DisconnectReason | undefined): LeftBecause {
  if (reason === DisconnectReason.CLIENT_INITIATED) return 'own'
  if (reason === DisconnectReason.DUPLICATE_IDENTITY) return 'elsewhere'
  if (reason === DisconnectReason.PARTICIPANT_REMOVED) return 'removed'
  if (reason === DisconnectReason.ROOM_DELETED || reason === DisconnectReason.ROOM_CLOSED) return 'ended'
  return 'lost'
}

function attendee(one: Participant, local: boolean): Attendee {
  const publications = [...one.trackPublications.values()]
  return {
    id: one.identity,
    name: one.name || one.identity,
    local,
    speaking: one.isSpeaking,
    microphone: one.isMicrophoneEnabled,
    link: linkOf(one.connectionQuality),
    camera: seen(publications, Track.Source.Camera),
    screen: seen(publications, Track.Source.ScreenShare),
    sound: local
      ? []
      : publications.flatMap((each) => (each.track?.kind === Track.Kind.Audio ? [each.track] : [])),
  }
}

function seen(publications: TrackPublication[], source: Track.Source): Track | null {
  const found = publications.find((each) => each.source === source && !each.isMuted)
  return found?.track ?? null
}

function linkOf(quality: ConnectionQuality): Attendee['link'] {
  if (quality === ConnectionQuality.Poor) return 'poor'
  if (quality === ConnectionQuality.Lost) return 'lost'
  return quality === ConnectionQuality.Unknown ? 'unknown' : 'good'
}
