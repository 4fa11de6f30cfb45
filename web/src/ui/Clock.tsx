/** Deadlines: how much of the budget is used, what is left or over, in words and colour. */
import type { Case, Clock } from '../api/types'
import { useText } from '../i18n'
import { duration, fullTime, shortTime } from './format'
import { Tag, type Tone } from './Tag'
import { useNow } from './time'
import css from './ui.module.css'

/** More than this ahead, a date says more than a countdown. */
const DATE_FROM_MS = 36 * 3_600_000

/** The clock of settling the case: what the citizen was promised. */
export function settleClock(one: Case): Clock | undefined {
  return one.clocks.find((clock) => clock.kind === 'settle' && clock.state !== 'idle')
}

/** The running clock that is due first. */
export function nearestClock(one: Case): Clock | undefined {
  return one.clocks
    .filter((clock) => clock.state === 'running' && clock.due_at)
    .sort((a, b) => Date.parse(a.due_at ?? '') - Date.parse(b.due_at ?? ''))[0]
}

type Raw = ReturnType<typeof useText>['raw']

export function clockText(clock: Clock, now: number, raw: Raw): string {
  if (clock.state === 'idle') return raw('code.clock_state.idle')
  if (clock.state === 'paused') return raw('code.clock_state.paused')
  if (clock.state === 'met' || clock.state === 'missed') {
    return raw('app.time.used', { a: duration(clock.used_ms, raw), b: budgetText(clock, raw) })
  }
  if (!clock.due_at) return ''
  const left = Date.parse(clock.due_at) - now
  if (left < 0) return raw('app.time.over', { t: duration(left, raw) })
  if (left > DATE_FROM_MS) return raw('cases.due_by', { at: shortTime(clock.due_at, now) })
  return raw('app.time.left', { t: duration(left, raw) })
}

function budgetText(clock: Clock, raw: Raw): string {
  if (clock.budget_unit && clock.budget_amount)
    return raw(`cases.budget.${clock.budget_unit}`, {
      n: clock.budget_amount,
      defaultValue: String(clock.budget_amount),
    })
  if (clock.budget?.days) return `${clock.budget.days} ${raw('app.unit.workday')}`
  return duration(clock.budget_ms, raw)
}

export function clockTone(clock: Clock, now: number): Tone {
  if (clock.state === 'missed') return 'danger'
  if (clock.state === 'paused') return 'hold'
  if (clock.state !== 'running') return 'neutral'
  const over = clock.due_at ? Date.parse(clock.due_at) < now : false
  if (over || clock.card === 'red') return 'danger'
  return clock.card === 'yellow' ? 'warn' : 'neutral'
}

const BAR_TONE: Partial<Record<Tone, string>> = { danger: 'danger', warn: 'warn', hold: 'hold' }

/** Bar and words. `name` adds which clock it is. */
export function ClockBar({ clock, name }: { clock: Clock; name?: boolean }) {
  const { raw, code, lang } = useText()
  const now = useNow()
  const tone = clockTone(clock, now)
  const share = clock.budget_ms > 0 ? Math.min(1, clock.used_ms / clock.budget_ms) : 0
  const text = clockText(clock, now, raw)
  const label = code('clock', clock.kind)
  return (
    <div
      style={{
        display: 'grid',
        gridTemplateColumns: name ? `${lang === 'zh' ? 64 : 92}px minmax(0,1fr) auto` : 'minmax(0,1fr) auto',
        gap: 10,
        alignItems: 'center',
        marginTop: name ? 0 : 6,
      }}
    >
      {name && <span>{label}</span>}
      <div
        className={css.bar}
        data-tone={clock.state === 'idle' ? 'idle' : BAR_TONE[tone]}
        role="img"
        aria-label={`${label} ${Math.round(share * 100)}%`}
      >
        <i style={{ width: `${share * 100}%` }} />
      </div>
      <span
        className="small num"
        title={clock.pause_reason ?? (clock.due_at ? fullTime(clock.due_at, lang) : undefined)}
        style={{ color: tone === 'danger' ? 'var(--danger)' : tone === 'warn' ? 'var(--warn)' : undefined }}
      >
        {text}
      </span>
    </div>
  )
}

/** For lists: the clock due first. Plain while all is well, coloured when it is near or over. */
export function Deadline({ one }: { one: Case }) {
  const { raw, code, lang } = useText()
  const now = useNow()
  const clock = nearestClock(one)
  if (!clock) {
    const paused = one.clocks.find((each) => each.state === 'paused')
    return paused ? (
      <Tag tone="hold" title={paused.pause_reason ?? undefined}>
        {raw('code.clock_state.paused')}
      </Tag>
    ) : (
      <span className="muted">—</span>
    )
  }
  const tone = clockTone(clock, now)
  const words = `${code('clock', clock.kind)} ${clockText(clock, now, raw)}`
  const exact = clock.due_at ? fullTime(clock.due_at, lang) : undefined
  if (tone === 'neutral')
    return (
      <span className="num muted" title={exact}>
        {words}
      </span>
    )
  return (
    <span className="num" title={exact}>
      <Tag tone={tone}>{words}</Tag>
    </span>
  )
}
