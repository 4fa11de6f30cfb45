/** Before one goes in: how one looks, whether one is heard, which devices. */
import { Button, Input, Select, Switch } from 'antd'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import { useText } from '../i18n'
import { Field } from '../ui/Field'
import { Icon } from '../ui/icons'
import css from './meeting.module.css'
import type { Wishes } from './room'
import { type Devices, useDevices, useLevel } from './useDevices'

/** The hub takes no longer name of a guest. */
const NAME_MAX_CHARS = 30

interface LobbyProps {
  title: string
  /** A guest says who he is; a signed-in person is known. */
  guest?: boolean
  busy: boolean
  error: string | null
  join: (wishes: Wishes, name: string) => void
  back?: () => void
}

export function Lobby({ title, guest, busy, error, join, back }: LobbyProps) {
  const { t } = useText()
  const [name, setName] = useState('')
  const [tried, setTried] = useState(false)
  const [on, setOn] = useState({ microphone: true, camera: true })
  const [chosen, setChosen] = useState<{ microphone?: string; camera?: string }>({})
  const devices = useDevices(chosen)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    setTried(true)
    if (guest && !name.trim()) return
    const wishes = { ...on, audioDevice: chosen.microphone, videoDevice: chosen.camera }
    join(wishes, name.trim())
  }
  const fault = tried && guest && !name.trim() ? t('meetings.lobby.no_name') : undefined
  return (
    <form className={css.lobby} onSubmit={submit} noValidate>
      <Preview devices={devices} camera={on.camera} />
      <div className={css.lobbySide}>
        <h1 className={css.lobbyTitle}>{title || t('meetings.lobby.title')}</h1>
        {guest && (
          <Field label={t('meetings.lobby.name')} required error={fault} hint={t('meetings.lobby.name_hint')}>
            {(control) => (
              <Input
                {...control}
                autoFocus
                size="large"
                autoComplete="name"
                maxLength={NAME_MAX_CHARS}
                value={name}
                onChange={(event) => setName(event.target.value)}
              />
            )}
          </Field>
        )}
        <DeviceRow
          label={t('meetings.microphone')}
          devices={devices.microphones}
          value={chosen.microphone}
          choose={(microphone) => setChosen({ ...chosen, microphone })}
          on={on.microphone}
          turn={(microphone) => setOn({ ...on, microphone })}
        />
        <Level stream={on.microphone ? devices.stream : null} />
        <DeviceRow
          label={t('meetings.camera')}
          devices={devices.cameras}
          value={chosen.camera}
          choose={(camera) => setChosen({ ...chosen, camera })}
          on={on.camera}
          turn={(camera) => setOn({ ...on, camera })}
        />
        {devices.fault && (
          <p className={css.fault} role="status">
            {t(`meetings.lobby.fault.${devices.fault}`)}
          </p>
        )}
        {error && (
          <p className={css.error} role="alert">
            {error}
          </p>
        )}
        <div className={css.lobbyActs}>
          <Button type="primary" size="large" htmlType="submit" loading={busy}>
            {t('meetings.join')}
          </Button>
          {back && (
            <Button size="large" onClick={back}>
              {t('meetings.back')}
            </Button>
          )}
        </div>
      </div>
    </form>
  )
}

function Preview({ devices, camera }: { devices: Devices; camera: boolean }) {
  const { t } = useText()
  const video = useRef<HTMLVideoElement>(null)
  const seen = camera && (devices.stream?.getVideoTracks().length ?? 0) > 0
  useEffect(() => {
    if (video.current) video.current.srcObject = seen ? devices.stream : null
  }, [devices.stream, seen])
  return (
    <div className={css.preview}>
      {seen ? (
        <video ref={video} autoPlay muted playsInline aria-label={t('meetings.lobby.preview')} />
      ) : (
        <span className={css.noPicture}>
          <Icon name="camera_off" size={32} />
          {t('meetings.lobby.no_picture')}
        </span>
      )}
    </div>
  )
}

interface DeviceProps {
  label: string
  devices: MediaDeviceInfo[]
  value?: string
  choose: (id: string) => void
  on: boolean
  turn: (on: boolean) => void
}

function DeviceRow({ label, devices, value, choose, on, turn }: DeviceProps) {
  const options = devices.map((each, i) => ({
    value: each.deviceId,
    label: each.label || `${label} ${i + 1}`,
  }))
  return (
    <Field label={label} extra={<Switch size="small" aria-label={label} checked={on} onChange={turn} />}>
      {(control) => (
        <Select
          {...control}
          style={{ width: '100%' }}
          disabled={!on || options.length === 0}
          options={options}
          value={value ?? options[0]?.value}
          onChange={choose}
        />
      )}
    </Field>
  )
}

function Level({ stream }: { stream: MediaStream | null }) {
  const { t } = useText()
  const level = useLevel(stream)
  return (
    <div
      className={css.level}
      role="meter"
      aria-label={t('meetings.lobby.level')}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(level * 100)}
    >
      <i style={{ width: `${level * 100}%` }} />
    </div>
  )
}
