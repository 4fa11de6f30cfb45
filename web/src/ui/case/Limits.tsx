/** The case's clocks, and why the deadline falls where it falls, line by line. */
import { useQuery } from '@tanstack/react-query'
import { Modal } from 'antd'
import { useState } from 'react'
import { dueQuery } from '../../api/queries'
import type { Case, Clock } from '../../api/types'
import { useText } from '../../i18n'
import { ClockBar } from '../Clock'
import { fullTime, shortTime } from '../format'
import { Panel } from '../Panel'
import { Empty, Gate } from '../States'
import { Tag } from '../Tag'
import css from './case.module.css'

export function Limits({ one }: { one: Case }) {
  const { t, raw } = useText()
  const [open, setOpen] = useState(false)
  const settle = one.clocks.find((clock) => clock.kind === 'settle')
  const calendar = one.calendar && raw(`cases.calendar.${one.calendar}`, { defaultValue: one.calendar })
  return (
    <Panel title={t('cases.limits.title')} extra={calendar && t('cases.limits.calendar', { name: calendar })}>
      {one.clocks.length === 0 ? (
        <Empty title={t('cases.limits.none')} />
      ) : (
        <div className={css.clocks}>
          {one.clocks.map((clock) => (
            <ClockBar key={clock.kind} clock={clock} name />
          ))}
        </div>
      )}
      {settle?.due_at && settle.started_at && settle.budget && one.calendar && (
        <>
          <button type="button" className={css.why} onClick={() => setOpen(true)}>
            {t('cases.limits.why', { at: shortTime(settle.due_at, Date.now()) })}
          </button>
          <Modal
            open={open}
            title={t('cases.limits.why_title')}
            footer={null}
            onCancel={() => setOpen(false)}
            width={520}
            destroyOnHidden
          >
            <Why calendar={one.calendar} clock={settle} from={settle.started_at} />
          </Modal>
        </>
      )}
    </Panel>
  )
}

function Why({ calendar, clock, from }: { calendar: string; clock: Clock; from: string }) {
  const { t, code, lang } = useText()
  const asked = useQuery(dueQuery(calendar, from, clock.budget ?? {}))
  return (
    <Gate asked={asked}>
      {(due) => (
        <>
          <ol className={css.due}>
            {due.steps.map((step) => (
              <li key={`${step.date}${step.kind}`} data-kind={step.kind}>
                <span className="num">{shortTime(step.date, Date.now())}</span>
                <span>{code('calendar_day', step.kind)}</span>
                <span>{step.text}</span>
              </li>
            ))}
            <li data-kind="due">
              <span className="num">{shortTime(due.due_at, Date.now())}</span>
              <span>{t('cases.limits.due')}</span>
              <span>{fullTime(due.due_at, lang)}</span>
            </li>
          </ol>
          {due.provisional && <Tag tone="warn">{t('cases.limits.provisional')}</Tag>}
        </>
      )}
    </Gate>
  )
}
