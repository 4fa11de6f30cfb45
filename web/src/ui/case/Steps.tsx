import type { Case } from '../../api/types'
import { useText } from '../../i18n'
import { clockTime, shortTime } from '../format'
import css from './steps.module.css'

/** The six steps 采集 上报 交办 办理 反馈 办结, with when each was entered. */
export function Steps({ one }: { one: Case }) {
  const { code } = useText()
  const ended = one.closed_at !== null && one.closed_at !== undefined
  return (
    <ol className={css.six}>
      {[1, 2, 3, 4, 5, 6].map((step) => {
        const state =
          step < one.step || ended
            ? step <= one.step
              ? 'done'
              : 'skipped'
            : step === one.step
              ? 'now'
              : 'next'
        const at = one.step_times?.[String(step)]
        return (
          <li key={step} data-state={state} aria-current={state === 'now' ? 'step' : undefined}>
            {code('step', step)}
            {state === 'now' ? (
              ` · ${code('node', one.node)}`
            ) : at ? (
              <span className="num"> {sameDay(at) ? clockTime(at) : shortTime(at, Date.now())}</span>
            ) : null}
          </li>
        )
      })}
    </ol>
  )
}

const sameDay = (at: string) => new Date(at).toDateString() === new Date().toDateString()
