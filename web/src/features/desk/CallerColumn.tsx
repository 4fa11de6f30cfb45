/** Who calls: identity, what is open, what was before. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { callerQuery } from '../../api/queries'
import type { Call, Caller, Case } from '../../api/types'
import { useText } from '../../i18n'
import { ClockBar, settleClock } from '../../ui/Clock'
import { duration, phoneNumber } from '../../ui/format'
import { Panel } from '../../ui/Panel'
import { Empty, Gate, StateBlock } from '../../ui/States'
import { NodeTag, Tag } from '../../ui/Tag'
import { TimelineItem, TimelineList } from '../../ui/Timeline'
import { farEnd } from './CallBar'
import css from './desk.module.css'

export function CallerColumn({ call }: { call: Call | null }) {
  const { t } = useText()
  if (!call) {
    return (
      <Panel title={t('desk.caller.title')}>
        <StateBlock icon="calls" title={t('desk.caller.no_call')} />
      </Panel>
    )
  }
  return <Known call={call} />
}

function Known({ call }: { call: Call }) {
  const { t } = useText()
  const asked = useQuery(callerQuery(call.id))
  const caller = asked.data
  return (
    <div className={css.right}>
      <Person call={call} caller={caller} />
      <Panel
        title={t('desk.caller.open')}
        extra={caller ? <span className="num">{caller.open_cases.length}</span> : undefined}
      >
        <Gate asked={asked} rows={2}>
          {(data) =>
            data.open_cases.length === 0 ? (
              <p className={css.none}>{t('desk.caller.none_open')}</p>
            ) : (
              data.open_cases.map((one) => <OpenCase key={one.id} one={one} />)
            )
          }
        </Gate>
      </Panel>
      <Panel title={t('desk.caller.history')}>
        <Gate asked={asked} rows={4}>
          {(data) =>
            data.history.length === 0 ? (
              <Empty title={t('desk.caller.none_history')} />
            ) : (
              <History caller={data} />
            )
          }
        </Gate>
      </Panel>
    </div>
  )
}

function Person({ call, caller }: { call: Call; caller: Caller | undefined }) {
  const { t } = useText()
  const far = farEnd(call)
  const words = [
    caller?.area ?? far.area,
    caller &&
      (caller.calls_year > 0 ? t('desk.caller.year', { n: caller.calls_year }) : t('desk.caller.first')),
    caller?.satisfied && t('desk.caller.satisfied', caller.satisfied),
  ]
  return (
    <Panel
      title={caller?.name ?? far.name ?? t('desk.call.unknown_name')}
      beside={far.verified && <Tag tone="good">{t('desk.call.verified')}</Tag>}
      extra={caller?.language ?? undefined}
    >
      <div className={css.caller}>
        <span className="num">{phoneNumber(far.number)}</span>
        <span className="small">{words.filter(Boolean).join('　')}</span>
        {caller?.tags && caller.tags.length > 0 && (
          <div className={css.tags}>
            {caller.tags.map((tag) => (
              <Tag key={tag}>{tag}</Tag>
            ))}
          </div>
        )}
      </div>
    </Panel>
  )
}

function OpenCase({ one }: { one: Case }) {
  const settle = settleClock(one)
  return (
    <div className={css.openCase}>
      <div className={css.row}>
        <Link to="/cases/$id" params={{ id: one.id }}>
          <b>{one.title}</b>
        </Link>
        <NodeTag node={one.node} />
      </div>
      <div className="small">{one.lead_unit?.name}</div>
      {settle && <ClockBar clock={settle} />}
    </div>
  )
}

function History({ caller }: { caller: Caller }) {
  return (
    <TimelineList>
      {caller.history.map((each) => (
        <TimelineItem
          key={`${each.at}${each.title}`}
          at={each.at}
          title={
            each.case_id ? (
              <Link to="/cases/$id" params={{ id: each.case_id }}>
                {each.title}
              </Link>
            ) : each.call ? (
              <Earlier call={each.call} />
            ) : (
              each.title
            )
          }
          tone={each.kind === 'call' ? 'primary' : 'neutral'}
        >
          {each.detail && <span className="small">{each.detail}</span>}
        </TimelineItem>
      ))}
    </TimelineList>
  )
}

function Earlier({ call }: { call: Call }) {
  const { code, raw } = useText()
  const words = [
    code('call_direction', call.direction),
    call.talk_ms ? duration(call.talk_ms, raw) : code('call_result', call.result),
    call.agent?.name,
  ]
  return (
    <Link to="/calls" search={{ call: call.id }}>
      {words.filter(Boolean).join('　')}
    </Link>
  )
}
