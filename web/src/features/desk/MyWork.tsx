import { Link } from '@tanstack/react-router'
import { App, Button } from 'antd'
import type { ReactNode } from 'react'
import { api, take } from '../../api/client'
import type { Call, Case, Desk } from '../../api/types'
import { useText } from '../../i18n'
import { clockTime, duration, phoneNumber, publicNo } from '../../ui/format'
import { Panel } from '../../ui/Panel'
import { problemText } from '../../ui/problem'
import { AgentStateTag, NodeTag, Tag } from '../../ui/Tag'
import { Elapsed, Moment, useNow } from '../../ui/time'
import { farEnd } from './CallBar'
import css from './desk.module.css'

/** What waits for this agent: the call, promised call-backs, his cases that moved. */
export function MyWork({ desk }: { desk: Desk }) {
  const { t, raw } = useText()
  const { today } = desk
  return (
    <Panel
      title={t('desk.work.title')}
      extra={t('desk.work.today', { n: today.calls, t: duration(today.average_ms, raw) })}
    >
      {desk.call && desk.call.state !== 'ended' && <Current desk={desk} call={desk.call} />}
      <Group
        title={t('desk.work.callbacks')}
        count={desk.callbacks.length}
        none={t('desk.work.none_callbacks')}
      >
        {desk.callbacks.map((each) => (
          <CallbackCard key={each.id} callback={each} />
        ))}
      </Group>
      <Group title={t('desk.work.changed')} count={desk.changed.length} none={t('desk.work.none_changed')}>
        {desk.changed.map((each) => (
          <ChangedCard key={each.id} one={each} />
        ))}
      </Group>
    </Panel>
  )
}

function Group({
  title,
  count,
  none,
  children,
}: {
  title: string
  count: number
  none: string
  children: ReactNode
}) {
  return (
    <>
      <h3 className={css.group}>
        {title}
        <span className="num">{count || ''}</span>
      </h3>
      {count === 0 ? <p className={css.none}>{none}</p> : children}
    </>
  )
}

function Current({ desk, call }: { desk: Desk; call: Call }) {
  const { t } = useText()
  const far = farEnd(call)
  return (
    <div className={css.card} data-on>
      <div className={css.row}>
        <b>{far.name ?? t('desk.call.unknown_name')}</b>
        <AgentStateTag state={desk.state} />
      </div>
      <div className="small">
        <span className="num">{phoneNumber(far.number)}</span>
        {'　'}
        {call.queue?.name ?? t('desk.call.out')}
        {'　'}
        <Elapsed since={call.answered_at ?? call.started_at} />
      </div>
      {call.case && <p className="num">{call.case.title || publicNo(call.case.public_no)}</p>}
    </div>
  )
}

function CallbackCard({ callback }: { callback: Desk['callbacks'][number] }) {
  const { t, raw, code } = useText()
  const { message } = App.useApp()
  const now = useNow()
  const late = new Date(callback.due_at).getTime() < now
  const soon = new Date(callback.due_at).getTime() - now < 20 * 60_000
  const dial = async () => {
    try {
      await take(api.POST('/calls', { body: { to: 'caller', call_id: callback.call_id } }))
      message.info(t('desk.work.calling', { number: phoneNumber(callback.number) }))
    } catch (error) {
      message.error(problemText(error, raw).title)
    }
  }
  return (
    <div className={css.card}>
      <div className={css.row}>
        <b className="num">{phoneNumber(callback.number)}</b>
        <Tag tone={late ? 'danger' : soon ? 'warn' : 'neutral'}>
          {t(late ? 'desk.work.overdue' : 'desk.work.before', { time: clockTime(callback.due_at) })}
        </Tag>
      </div>
      <div className={css.row}>
        <span className="small">{code('call_result', callback.why)}</span>
        <Button size="small" onClick={() => void dial()}>
          {t('desk.work.call')}
        </Button>
      </div>
    </div>
  )
}

function ChangedCard({ one }: { one: Case }) {
  return (
    <Link to="/cases/$id" params={{ id: one.id }} className={css.card}>
      <div className={css.row}>
        <b>{one.title}</b>
        <NodeTag node={one.node} />
      </div>
      <div className="small">
        {one.lead_unit?.name} <Moment at={one.updated_at} />
      </div>
    </Link>
  )
}
