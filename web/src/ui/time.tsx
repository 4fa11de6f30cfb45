/** Times on the screen: one tick per second for the whole page, exact time on hover. */
import { useSyncExternalStore } from 'react'
import { useText } from '../i18n'
import { clockTime, fullTime, shortTime, stopwatch } from './format'

const watchers = new Set<() => void>()
let now = Date.now()
let timer: ReturnType<typeof setInterval> | undefined

function watch(watcher: () => void): () => void {
  watchers.add(watcher)
  timer ??= setInterval(() => {
    now = Date.now()
    for (const each of watchers) each()
  }, 1000)
  return () => {
    watchers.delete(watcher)
    if (watchers.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}

/** The time, renewed each second. */
export function useNow(): number {
  return useSyncExternalStore(watch, () => (timer ? now : Math.floor(Date.now() / 1000) * 1000))
}

/** Counts up from `since`. Not read out by screen readers while it runs. */
export function Elapsed({ since }: { since: string | number }) {
  const at = useNow()
  return (
    <span className="num" role="timer" aria-live="off">
      {stopwatch(at - new Date(since).getTime())}
    </span>
  )
}

/** Counts down to `until`. */
export function Countdown({ until }: { until: string }) {
  const at = useNow()
  return (
    <span className="num" role="timer" aria-live="off">
      {stopwatch(new Date(until).getTime() - at + 999)}
    </span>
  )
}

export function Moment({ at, seconds }: { at: string; seconds?: boolean }) {
  const { lang } = useText()
  return (
    <time className="num" dateTime={at} title={fullTime(at, lang)}>
      {seconds ? clockTime(at, true) : shortTime(at, Date.now())}
    </time>
  )
}

/** The wall clock of the top bar. */
export function ClockNow() {
  const at = useNow()
  const { t, lang } = useText()
  const d = new Date(at)
  const weekday = t('app.time.weekdays').split(',')[d.getDay()]
  const date = lang === 'zh' ? `${d.getMonth() + 1}月${d.getDate()}日` : `${d.getMonth() + 1}-${d.getDate()}`
  return (
    <span className="num muted">
      {date} {weekday} {clockTime(at, true)}
    </span>
  )
}
