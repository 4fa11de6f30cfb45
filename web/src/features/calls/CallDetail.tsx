import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { App, Button } from 'antd'
import { api, take } from '../../api/client'
import { callQuery } from '../../api/queries'
import type { Call } from '../../api/types'
import { useText } from '../../i18n'
import { duration, phoneNumber, publicNo } from '../../ui/format'
import lay from '../../ui/layout.module.css'
import { Panel } from '../../ui/Panel'
import { Player } from '../../ui/Player'
import { problemText } from '../../ui/problem'
import { Gate, StateBlock } from '../../ui/States'
import { Tag } from '../../ui/Tag'
import { Moment } from '../../ui/time'
import css from './calls.module.css'

export function CallDetail({ id }: { id: string | null }) {
  const { t } = useText()
  if (!id) {
    return (
      <Panel title={t('calls.detail')}>
        <StateBlock icon="calls" title={t('calls.select')}>
          <span>{t('calls.select_hint')}</span>
        </StateBlock>
      </Panel>
    )
  }
  return <Chosen id={id} />
}

function Chosen({ id }: { id: string }) {
  const { t } = useText()
  const asked = useQuery(callQuery(id))
  return (
    <Panel title={t('calls.detail')}>
      <Gate asked={asked}>
        {(call) => (
          <>
            <Head call={call} />
            <Facts call={call} />
            <Recording call={call} />
          </>
        )}
      </Gate>
    </Panel>
  )
}

function Head({ call }: { call: Call }) {
  const { t, raw } = useText()
  const { message } = App.useApp()
  const far = call.direction === 'out' ? call.to : call.from
  const dial = async () => {
    try {
      await take(api.POST('/calls', { body: { to: 'caller', call_id: call.id, case_id: call.case?.id } }))
      message.info(t('calls.calling', { number: phoneNumber(far.number) }))
    } catch (error) {
      message.error(problemText(error, raw).title)
    }
  }
  return (
    <div className={css.who}>
      <b className="num">{phoneNumber(far.number)}</b>
      <span>{far.name}</span>
      <Button size="small" onClick={() => void dial()}>
        {t('calls.call_back')}
      </Button>
    </div>
  )
}

function Facts({ call }: { call: Call }) {
  const { t, code, raw } = useText()
  const rows: [string, React.ReactNode][] = [
    [t('calls.col.direction'), `${code('call_direction', call.direction)}　${call.queue?.name ?? ''}`],
    [t('calls.started'), <Moment key="s" at={call.started_at} seconds />],
  ]
  if (call.answered_at)
    rows.push([
      t('calls.answered'),
      <span key="a">
        <Moment at={call.answered_at} seconds />
        {'　'}
        {call.wait_ms != null && `${t('calls.col.wait')} ${duration(call.wait_ms, raw)}`}
      </span>,
    ])
  if (call.ended_at)
    rows.push([
      t('calls.ended'),
      <span key="e">
        <Moment at={call.ended_at} seconds />
        {'　'}
        {call.ended_by && (
          <span className="muted">
            {t('calls.ended_by')} {raw(`calls.by.${call.ended_by}`, { defaultValue: call.ended_by })}
          </span>
        )}
      </span>,
    ])
  if (call.agent)
    rows.push([t('calls.col.agent'), [call.agent.name, call.agent.extension].filter(Boolean).join(' ')])
  if (call.result)
    rows.push([
      t('calls.col.result'),
      <Tag key="r" tone={call.result === 'answered' ? 'good' : 'danger'}>
        {code('call_result', call.result)}
      </Tag>,
    ])
  if (call.wrap_up) rows.push([t('desk.wrap.code'), call.wrap_up.name])
  if (call.case)
    rows.push([
      t('calls.col.case'),
      <Link key="c" to="/cases/$id" params={{ id: call.case.id }}>
        <span className="num">{publicNo(call.case.public_no)}</span> {call.case.title}
      </Link>,
    ])
  return (
    <dl className={lay.facts}>
      {rows.map(([name, value]) => (
        <div key={name} style={{ display: 'contents' }}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

function Recording({ call }: { call: Call }) {
  const { t } = useText()
  const body =
    call.state !== 'ended' ? (
      <p className="muted">{t('calls.call')}</p>
    ) : call.recording?.available ? (
      <Player key={call.id} callId={call.id} />
    ) : (
      <p className="muted">{t('calls.no_recording')}</p>
    )
  return (
    <div className={css.section}>
      <h3>
        {t('calls.col.rec')} <span className="small">{t('calls.audited')}</span>
      </h3>
      {body}
    </div>
  )
}
