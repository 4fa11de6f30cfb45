/** Plays a two-channel recording: the caller above, the agent below, both drawn. Loaded only when asked for: listening is audited. */
import { Button } from 'antd'
import { useEffect, useRef, useState } from 'react'
import { API_BASE, ApiError, requestHeaders, unreachable } from '../api/client'
import { useText } from '../i18n'
import { stopwatch } from './format'
import { Icon } from './icons'
import css from './Player.module.css'
import { Failed, Loading } from './States'
import { readWave, type Wave } from './waveform'

interface Loaded {
  url: string
  wave: Wave | null
}

async function fetchRecording(callId: string): Promise<Loaded> {
  const answer = await fetch(`${API_BASE}/calls/${encodeURIComponent(callId)}/recording`, {
    headers: requestHeaders('GET'),
  }).catch((cause: unknown) => {
    throw unreachable(cause)
  })
  if (!answer.ok)
    throw new ApiError({ title: answer.statusText, status: answer.status, code: `http_${answer.status}` })
  const bytes = await answer.arrayBuffer()
  return { url: URL.createObjectURL(new Blob([bytes], { type: 'audio/wav' })), wave: readWave(bytes) }
}

export function Player({ callId, mini, autoPlay }: { callId: string; mini?: boolean; autoPlay?: boolean }) {
  const [loaded, setLoaded] = useState<Loaded | null>(null)
  const [error, setError] = useState<unknown>(null)
  useEffect(() => {
    let url: string | null = null
    let gone = false
    setLoaded(null)
    setError(null)
    fetchRecording(callId).then(
      (found) => {
        url = found.url
        if (gone) URL.revokeObjectURL(found.url)
        else setLoaded(found)
      },
      (failure: unknown) => !gone && setError(failure),
    )
    return () => {
      gone = true
      if (url) URL.revokeObjectURL(url)
    }
  }, [callId])
  if (error) return <Failed error={error} />
  if (!loaded) return <Loading rows={3} />
  return <Ready loaded={loaded} callId={callId} mini={mini} autoPlay={autoPlay} />
}

const SPEEDS = [1, 1.25, 1.5, 2]
const JUMP_S = 5

function Ready({
  loaded,
  callId,
  mini,
  autoPlay,
}: {
  loaded: Loaded
  callId: string
  mini?: boolean
  autoPlay?: boolean
}) {
  const { t } = useText()
  const audio = useRef<HTMLAudioElement>(null)
  const [at, setAt] = useState(0)
  const [playing, setPlaying] = useState(false)
  const [speed, setSpeed] = useState(1)
  const length = loaded.wave ? loaded.wave.durationMs / 1000 : audio.current?.duration || 0
  const seek = (seconds: number) => {
    if (audio.current) audio.current.currentTime = Math.max(0, Math.min(length, seconds))
    setAt(seconds)
  }
  const nextSpeed = () => {
    const next = SPEEDS[(SPEEDS.indexOf(speed) + 1) % SPEEDS.length] ?? 1
    if (audio.current) audio.current.playbackRate = next
    setSpeed(next)
  }
  const toggle = () => (playing ? audio.current?.pause() : void audio.current?.play())
  return (
    <div className={`${css.player} ${mini ? css.mini : ''}`}>
      {/* biome-ignore lint/a11y/useMediaCaption: a telephone call has no captions; its words are in the case */}
      <audio
        ref={audio}
        src={loaded.url}
        autoPlay={autoPlay}
        onPlay={() => setPlaying(true)}
        onPause={() => setPlaying(false)}
        onTimeUpdate={(event) => setAt(event.currentTarget.currentTime)}
      />
      <div className={css.wave}>
        <Bars wave={loaded.wave} share={length > 0 ? at / length : 0} />
        <div className={css.labels} aria-hidden="true">
          <span>{t('calls.left')}</span>
          <span>{t('calls.right')}</span>
        </div>
        <div className={css.head} style={{ left: `${length > 0 ? (at / length) * 100 : 0}%` }} />
        <input
          className={css.seek}
          type="range"
          min={0}
          max={Math.max(1, Math.round(length))}
          step={1}
          value={Math.round(at)}
          aria-label={t('calls.seek')}
          aria-valuetext={stopwatch(at * 1000)}
          onChange={(event) => seek(Number(event.target.value))}
        />
      </div>
      <div className={css.controls}>
        <Button
          size="small"
          type="primary"
          icon={<Icon name={playing ? 'pause' : 'play'} size={14} />}
          onClick={toggle}
        >
          {playing ? t('calls.pause') : t('calls.play')}
        </Button>
        <span className="num small">
          {stopwatch(at * 1000)} / {stopwatch(length * 1000)}
        </span>
        {!mini && (
          <>
            <Button size="small" onClick={() => seek(at - JUMP_S)}>
              {t('calls.back')}
            </Button>
            <Button size="small" onClick={() => seek(at + JUMP_S)}>
              {t('calls.forward')}
            </Button>
            <Button size="small" className="num" aria-label={t('calls.speed')} onClick={nextSpeed}>
              {speed}×
            </Button>
            <a href={loaded.url} download={`${callId}.wav`}>
              {t('calls.download')}
            </a>
          </>
        )}
      </div>
    </div>
  )
}

const COLOURS = { caller: '#1A5AA8', agent: '#1B7A4B', rest: 0.38 }

function Bars({ wave, share }: { wave: Wave | null; share: number }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  useEffect(() => {
    const element = canvas.current
    if (element && wave) draw(element, wave, share)
  }, [wave, share])
  return <canvas ref={canvas} />
}

/** Two rows of bars, the played part in full colour. */
function draw(canvas: HTMLCanvasElement, wave: Wave, share: number): void {
  const scale = window.devicePixelRatio || 1
  const width = canvas.clientWidth
  const height = canvas.clientHeight
  canvas.width = width * scale
  canvas.height = height * scale
  const pen = canvas.getContext('2d')
  if (!pen) return
  pen.scale(scale, scale)
  const rows = wave.peaks.slice(0, 2)
  rows.forEach((row, r) => {
    const middle = (height / rows.length) * (r + 0.5)
    const step = width / row.length
    pen.fillStyle = r === 0 ? COLOURS.caller : COLOURS.agent
    row.forEach((level, i) => {
      const tall = Math.max(1.5, Math.sqrt(level) * (height / rows.length - 8))
      pen.globalAlpha = i / row.length <= share ? 1 : COLOURS.rest
      pen.fillRect(i * step + 0.25, middle - tall / 2, Math.max(1, step - 1), tall)
    })
  })
}
