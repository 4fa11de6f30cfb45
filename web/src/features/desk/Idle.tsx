/** No call: says what the state means, and shows the agent's last calls. */
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Button } from 'antd'
import { callsQuery } from '../../api/queries'
import type { Desk } from '../../api/types'
import { useText } from '../../i18n'
import { duration, phoneNumber, publicNo } from '../../ui/format'
import { Panel } from '../../ui/Panel'
import { Empty, Gate } from '../../ui/States'
import { Table } from '../../ui/Table'
import { Tag } from '../../ui/Tag'
import { Elapsed, Moment } from '../../ui/time'
import { useSetState } from './AgentBar'
import { farEnd } from './CallBar'
import css from './desk.module.css'

export function Idle({ desk, manual }: { desk: Desk; manual: () => void }) {
  const { t } = useText()
  const set = useSetState()
  const state = desk.state === 'ready' || desk.state === 'offline' ? desk.state : 'not_ready'
  return (
    <div className={css.idle}>
      <div className={css.idleHead}>
        <div>
          <h2>
            {state === 'not_ready' && desk.reason ? desk.reason : t(`desk.idle.${state}`)}{' '}
            <Elapsed since={desk.since} />
          </h2>
          <p className="muted">{t(`desk.idle.${state}_hint`)}</p>
        </div>
        <div>
          <Button onClick={manual}>{t('desk.idle.manual')}</Button>
          {state !== 'ready' && (
            <Button type="primary" onClick={() => void set('ready')}>
              {t('desk.idle.go_ready')}
            </Button>
          )}
        </div>
      </div>
      <RecentCalls />
    </div>
  )
}

function RecentCalls() {
  const { t, raw, code } = useText()
  const asked = useInfiniteQuery(callsQuery({ scope: 'mine' }))
  return (
    <Panel title={t('desk.idle.recent')} flush>
      <Gate asked={asked}>
        {(data) => {
          const rows = data.pages.flatMap((page) => page.items).filter((call) => call.state === 'ended')
          if (rows.length === 0) return <Empty />
          return (
            <Table
              label={t('desk.idle.recent')}
              rows={rows}
              rowKey={(call) => call.id}
              columns={[
                {
                  key: 'at',
                  title: t('calls.col.time'),
                  width: 110,
                  cell: (call) => <Moment at={call.started_at} />,
                },
                {
                  key: 'who',
                  title: t('calls.col.far'),
                  cell: (call) => <span className="num">{phoneNumber(farEnd(call).number)}</span>,
                },
                {
                  key: 'talk',
                  title: t('calls.col.talk'),
                  cell: (call) =>
                    call.talk_ms ? (
                      <span className="num">{duration(call.talk_ms, raw)}</span>
                    ) : (
                      <Tag tone="warn">{code('call_result', call.result)}</Tag>
                    ),
                },
                {
                  key: 'case',
                  title: t('calls.col.case'),
                  cell: (call) =>
                    call.case ? (
                      <Link to="/cases/$id" params={{ id: call.case.id }}>
                        {call.case.title || publicNo(call.case.public_no)}
                      </Link>
                    ) : (
                      <span className="muted">{call.wrap_up?.name}</span>
                    ),
                },
              ]}
            />
          )
        }}
      </Gate>
    </Panel>
  )
}
