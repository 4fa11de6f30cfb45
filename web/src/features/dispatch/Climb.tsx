import type { Order } from '../../api/ops'
import { useText } from '../../i18n'
import { stopwatch } from '../../ui/format'
import { useNow } from '../../ui/time'
import { climbsAt } from './order'

/** The countdown to the next on the ladder, or that nobody is left. */
export function Climb({ order, answerSeconds }: { order: Order; answerSeconds: number | undefined }) {
  const { t } = useText()
  const now = useNow()
  if (order.state === 'given' && order.exhausted)
    return <span style={{ color: 'var(--danger)' }}>{t('dispatch.exhausted')}</span>
  const at = climbsAt(order, answerSeconds)
  if (at === null) return <span>{order.given_by && t('dispatch.by', { name: order.given_by })}</span>
  if (at <= now) return <span style={{ color: 'var(--warn)' }}>{t('dispatch.due_now')}</span>
  const next = order.ladder[order.alerted]
  const left = stopwatch(at - now)
  return (
    <span className="num" role="timer" aria-live="off" style={{ color: 'var(--warn)' }}>
      {next ? t('dispatch.next_in', { t: left, name: next.name }) : t('dispatch.last_in', { t: left })}
    </span>
  )
}
