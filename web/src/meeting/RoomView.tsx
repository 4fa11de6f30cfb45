/** Inside: tiles, a shared screen on the stage, people, and the bar with microphone, camera, screen, leave. */
import type { Track } from 'livekit-client'
import { type CSSProperties, type ReactNode, useEffect, useRef, useState } from 'react'
import { useText } from '../i18n'
import { Icon, type IconName } from '../ui/icons'
import { useShortcut, useShortcutListener } from '../ui/keys'
import { Elapsed } from '../ui/time'
import { layoutOf, type Tile } from './layout'
import css from './meeting.module.css'
import type { Attendee, MeetingRoom, MeetingSnapshot } from './room'

interface RoomProps {
  room: MeetingRoom
  now: MeetingSnapshot
  title: string
  since: number
  /** More to do for who holds the meeting: ending it. */
  acts?: ReactNode
  /** Beside the title. */
  beside?: ReactNode
}

export function RoomView({ room, now, title, since, acts, beside }: RoomProps) {
  const { t } = useText()
  const [withPeople, setPeople] = useState(() => matchMedia('(min-width: 800px)').matches)
  useShortcutListener()
  useShortcut('m', t('meetings.microphone'), () => void room.setMicrophone(!now.microphone))
  useShortcut('v', t('meetings.camera'), () => void room.setCamera(!now.camera))
  return (
    <div className={css.room} data-people={withPeople || undefined}>
      <header className={css.roomHead}>
        <h1>{title}</h1>
        {beside}
        <span className={css.clock}>
          <Elapsed since={since} />
        </span>
        <Notices room={room} now={now} />
        <span className={css.present}>{t('meetings.present', { n: now.people.length })}</span>
      </header>
      <Stage now={now} />
      {withPeople && (
        <aside className={css.people} aria-label={t('meetings.people')}>
          <h2>
            {t('meetings.people')} <span className="num">{now.people.length}</span>
          </h2>
          <ul>
            {now.people.map((one) => (
              <PersonRow key={one.id} one={one} />
            ))}
          </ul>
          {acts && <div className={css.acts}>{acts}</div>}
        </aside>
      )}
      <footer className={css.bar}>
        <BarButton
          icon={now.microphone ? 'mic' : 'mute'}
          on={now.microphone}
          label={t('meetings.microphone')}
          state={`${now.microphone ? t('meetings.on') : t('meetings.off')} M`}
          run={() => void room.setMicrophone(!now.microphone)}
        />
        <BarButton
          icon={now.camera ? 'meetings' : 'camera_off'}
          on={now.camera}
          label={t('meetings.camera')}
          state={`${now.camera ? t('meetings.on') : t('meetings.off')} V`}
          run={() => void room.setCamera(!now.camera)}
        />
        <BarButton
          icon="screen"
          on={now.screen}
          label={t('meetings.screen')}
          state={now.screen ? t('meetings.sharing') : t('meetings.off')}
          run={() => void room.setScreen(!now.screen)}
        />
        <BarButton
          icon="people"
          on={withPeople}
          label={t('meetings.people')}
          state={String(now.people.length)}
          run={() => setPeople(!withPeople)}
        />
        <button type="button" className={css.leave} onClick={() => void room.leave()}>
          {t('meetings.leave')}
        </button>
      </footer>
      {now.people
        .flatMap((one) => one.sound)
        .map((track) => (
          <Sound key={track.sid ?? track.mediaStreamID} track={track} />
        ))}
    </div>
  )
}

function Notices({ room, now }: { room: MeetingRoom; now: MeetingSnapshot }) {
  const { t } = useText()
  return (
    <span role="status" className={css.notices}>
      {now.state === 'reconnecting' && <span className={css.warn}>{t('meetings.reconnecting')}</span>}
      {now.fault && <span className={css.warn}>{t(`meetings.fault.${now.fault}`)}</span>}
      {now.silent && now.state === 'joined' && (
        <button type="button" className={css.quiet} onClick={() => void room.playSound()}>
          {t('meetings.play_sound')}
        </button>
      )}
    </span>
  )
}

function Stage({ now }: { now: MeetingSnapshot }) {
  const { stage, tiles, columns } = layoutOf(now.people)
  return (
    <main className={css.stage} data-shared={stage !== null || undefined}>
      {stage && <TileView tile={stage} />}
      <div
        className={css.tiles}
        data-few={tiles.length <= 2 || undefined}
        style={stage ? undefined : ({ '--columns': columns } as CSSProperties)}
      >
        {tiles.map((tile) => (
          <TileView key={tile.key} tile={tile} />
        ))}
      </div>
    </main>
  )
}

function TileView({ tile }: { tile: Tile }) {
  const { t } = useText()
  const { person, what } = tile
  const track = what === 'screen' ? person.screen : person.camera
  const name = person.local ? t('meetings.you', { name: person.name }) : person.name
  return (
    <figure
      className={css.tile}
      data-speaking={(what === 'camera' && person.speaking) || undefined}
      data-what={what}
    >
      {track ? (
        <Picture track={track} mirrored={person.local && what === 'camera'} />
      ) : (
        <span className={css.face} aria-hidden="true">
          {[...person.name].at(-1)}
        </span>
      )}
      {(person.link === 'poor' || person.link === 'lost') && (
        <span className={css.weak}>{t(`meetings.link.${person.link}`)}</span>
      )}
      <figcaption>
        {what === 'screen' ? t('meetings.screen_of', { name: person.name }) : name}
        {what === 'camera' && !person.microphone && (
          <>
            <Icon name="mute" size={13} />
            <span className="unseen">{t('meetings.muted')}</span>
          </>
        )}
      </figcaption>
    </figure>
  )
}

function Picture({ track, mirrored }: { track: Track; mirrored: boolean }) {
  const video = useRef<HTMLVideoElement>(null)
  useEffect(() => {
    const element = video.current
    if (!element) return
    track.attach(element)
    return () => {
      track.detach(element)
    }
  }, [track])
  return <video ref={video} autoPlay playsInline muted data-mirrored={mirrored || undefined} />
}

function Sound({ track }: { track: Track }) {
  const audio = useRef<HTMLAudioElement>(null)
  useEffect(() => {
    const element = audio.current
    if (!element) return
    track.attach(element)
    return () => {
      track.detach(element)
    }
  }, [track])
  // biome-ignore lint/a11y/useMediaCaption: live voices; captions come with the recognition of speech
  return <audio ref={audio} autoPlay />
}

function PersonRow({ one }: { one: Attendee }) {
  const { t } = useText()
  return (
    <li className={css.person}>
      <span className={css.personName}>{one.local ? t('meetings.you', { name: one.name }) : one.name}</span>
      {one.screen && <span className={css.chip}>{t('meetings.sharing')}</span>}
      {one.speaking ? (
        <span className={css.speaking}>{t('meetings.speaking')}</span>
      ) : (
        <span className={css.off}>{one.microphone ? '' : t('meetings.muted')}</span>
      )}
    </li>
  )
}

interface BarProps {
  icon: IconName
  on: boolean
  label: string
  state: string
  run: () => void
}

function BarButton({ icon, on, label, state, run }: BarProps) {
  return (
    <button
      type="button"
      className={css.barButton}
      aria-pressed={on}
      data-device={icon !== 'screen' && icon !== 'people' ? '' : undefined}
      onClick={run}
    >
      <Icon name={icon} size={20} />
      <span>{label}</span>
      <small>{state}</small>
    </button>
  )
}
