/** How numbers, times and identifiers are written. Pure; texts come from the caller. */
import type { Language } from '../i18n'

/** 138 0013 8000, 138 **** 8000, 0371-6789 0123; what does not fit is left as it came. */
export function phoneNumber(number: string): string {
  const bare = number.replace(/^\+?86/, '').replace(/[\s-]/g, '')
  if (/^1[\d*]{10}$/.test(bare)) return `${bare.slice(0, 3)} ${bare.slice(3, 7)} ${bare.slice(7)}`
  const land = /^(0(?:10|2\d|[3-9]\d\d))([\d*]{7,8})$/.exec(bare)
  if (land?.[1] && land[2]) return `${land[1]}-${land[2].slice(0, 4)} ${land[2].slice(4)}`
  return number
}

/** Public case numbers are read 6-3-4. */
export function publicNo(no: string): string {
  return /^\d{13}$/.test(no) ? `${no.slice(0, 6)} ${no.slice(6, 9)} ${no.slice(9)}` : no
}

const two = (n: number) => String(n).padStart(2, '0')

/** 03:25, or 1:03:25 from an hour on. Negative times count as none. */
export function stopwatch(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000))
  const h = Math.floor(s / 3600)
  const rest = `${two(Math.floor((s % 3600) / 60))}:${two(s % 60)}`
  return h > 0 ? `${h}:${rest}` : rest
}

export function clockTime(at: number | string, seconds = false): string {
  const d = new Date(at)
  if (Number.isNaN(d.getTime())) return ''
  const hm = `${two(d.getHours())}:${two(d.getMinutes())}`
  return seconds ? `${hm}:${two(d.getSeconds())}` : hm
}

/** 10:24 today, 11-24 10:24 this year, 2025-11-24 10:24 before. */
export function shortTime(at: number | string, now: number): string {
  const d = new Date(at)
  if (Number.isNaN(d.getTime())) return ''
  const n = new Date(now)
  const day = `${two(d.getMonth() + 1)}-${two(d.getDate())}`
  if (d.toDateString() === n.toDateString()) return clockTime(at)
  if (d.getFullYear() === n.getFullYear()) return `${day} ${clockTime(at)}`
  return `${d.getFullYear()}-${day} ${clockTime(at)}`
}

/** In full, for a hover or prose. */
export function fullTime(at: number | string, lang: Language): string {
  const d = new Date(at)
  if (Number.isNaN(d.getTime())) return ''
  const date =
    lang === 'zh'
      ? `${d.getFullYear()}年${d.getMonth() + 1}月${d.getDate()}日`
      : `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`
  return `${date} ${clockTime(at, true)}`
}

export function percent(value: number | null | undefined, digits = 1): string {
  return value === null || value === undefined ? '—' : `${(value * 100).toFixed(digits)}%`
}

type Translate = (key: string, options?: Record<string, unknown>) => string

/** A length of time in two units at most: 1 时 24 分, 2 天 3 时, 45 秒. */
export function duration(ms: number, raw: Translate): string {
  const s = Math.round(Math.abs(ms) / 1000)
  if (s < 60) return raw('app.time.dur_s', { n: s })
  const m = Math.floor(s / 60)
  if (m < 10 && s % 60 !== 0) return raw('app.time.dur_ms', { m, s: s % 60 })
  if (m < 60) return raw('app.time.dur_m', { n: m })
  const h = Math.floor(m / 60)
  if (h < 24) return raw(m % 60 ? 'app.time.dur_hm' : 'app.time.dur_h', { h, m: m % 60 })
  return raw(h % 24 ? 'app.time.dur_dh' : 'app.time.dur_d', { d: Math.floor(h / 24), h: h % 24 })
}
