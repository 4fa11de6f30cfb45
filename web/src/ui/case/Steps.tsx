import { useQuery } from '@tanstack/react-query'
import { timelineQuery } from '../../api/queries'
import type { Case, HubEvent } from '../../api/types'
import { useText } from '../../i18n'
import { clockTime, shortTime } from '../format'
import css from './steps.module.css'

/** The six steps 采集 上报 交办 办理 反馈 办结, with when each was entered. */
export function Steps({ one }: { one: Case }) {
  const { code } = useText()
  const { data } = useQuery(timelineQuery(one.id))
  const times = one.step_times ?? stepTimes(data?.items ?? [])
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
        const at = times[String(step)]
        return (
          <li key={step} data-state={state} aria-current={state === 'now' ? 'step' : undefined}>
            {code('step', step)}
            {state === 'now' ? (
              nodeBeside(code('step', step), code('node', one.node))
            ) : at ? (
              <span className="num"> {sameDay(at) ? clockTime(at) : shortTime(at, Date.now())}</span>
            ) : null}
          </li>
        )
      })}
    </ol>
  )
}

/** Where the node is but the step's own word again, it is said once. */
const nodeBeside = (step: string, node: string) =>
  node.startsWith(step) ? node.slice(step.length) : ` · ${node}`

const sameDay = (at: string) => new Date(at).toDateString() === new Date().toDateString()

/** When each step was first entered, from the moves in the case's own events. */
export function stepTimes(events: HubEvent[]): Record<string, string> {
  const times: Record<string, string> = {}
  for (const event of events) {
    const moved = (event.body.change as { moved?: { step?: unknown } } | undefined)?.moved
    const step = event.kind === 'case.captured' ? 1 : moved?.step
    if (typeof step === 'number') times[String(step)] ??= event.at
  }
  return times
}
