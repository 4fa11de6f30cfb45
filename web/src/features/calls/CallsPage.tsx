/** The call log: filters in the address, a live list, the chosen call with its two-channel recording. */
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { Select } from 'antd'
import { callsQuery, queuesQuery } from '../../api/queries'
import type { Call } from '../../api/types'
import { useText } from '../../i18n'
import { phoneNumber, publicNo, stopwatch } from '../../ui/format'
import { Icon } from '../../ui/icons'
import lay from '../../ui/layout.module.css'
import { PagedTable } from '../../ui/PagedTable'
import { Panel } from '../../ui/Panel'
import { SearchBox } from '../../ui/SearchBox'
import { Split } from '../../ui/Split'
import type { Column } from '../../ui/Table'
import { Tabs } from '../../ui/Tabs'
import { Tag } from '../../ui/Tag'
import { TopBar } from '../../ui/TopBar'
import { Elapsed, Moment } from '../../ui/time'
import ui from '../../ui/ui.module.css'
import { CallDetail } from './CallDetail'
import type { CallSearch } from './search'

const route = getRouteApi('/signed-in/shell/calls')
const SCOPES = ['all', 'mine', 'missed', 'recorded'] as const

export function CallsPage() {
  const { t } = useText()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const set = (change: Partial<CallSearch>) =>
    void navigate({ search: (now: CallSearch) => ({ ...now, ...change }), replace: true })
  return (
    <Split aside={400}>
      <TopBar>
        <h1 style={{ fontSize: 16 }}>{t('calls.title')}</h1>
      </TopBar>
      <Panel
        title={
          <Tabs
            label={t('calls.title')}
            value={search.scope ?? 'all'}
            values={SCOPES}
            name={(scope) => t(`calls.scope.${scope}`)}
            choose={(scope) => set({ scope: scope === 'all' ? undefined : scope })}
          />
        }
        flush
      >
        <Filters search={search} set={set} />
        <Log search={search} open={(call) => set({ call: call.id })} />
      </Panel>
      <CallDetail id={search.call ?? null} />
    </Split>
  )
}

function Filters({ search, set }: { search: CallSearch; set: (change: Partial<CallSearch>) => void }) {
  const { t, code } = useText()
  const { data: queues } = useQuery(queuesQuery)
  const options = (group: string, values: string[]) =>
    values.map((value) => ({ value, label: code(group, value) }))
  return (
    <div className={ui.filters} data-search>
      <SearchBox value={search.q} hint={t('calls.search')} search={(q) => set({ q })} />
      <Select
        allowClear
        placeholder={t('calls.filter.direction')}
        aria-label={t('calls.filter.direction')}
        style={{ width: 110 }}
        value={search.direction}
        options={options('call_direction', ['in', 'out', 'internal'])}
        onChange={(direction) => set({ direction })}
      />
      <Select
        allowClear
        placeholder={t('calls.filter.result')}
        aria-label={t('calls.filter.result')}
        style={{ width: 110 }}
        value={search.result}
        options={options('call_result', ['answered', 'abandoned', 'no_answer', 'busy', 'failed'])}
        onChange={(result) => set({ result })}
      />
      <Select
        allowClear
        placeholder={t('calls.filter.queue')}
        aria-label={t('calls.filter.queue')}
        style={{ width: 150 }}
        value={search.queue_id}
        options={queues?.items.map((queue) => ({ value: queue.id, label: queue.name }))}
        onChange={(queue_id) => set({ queue_id })}
      />
    </div>
  )
}

const DIRECTION_ARROW = { in: '↙', out: '↗', internal: '↔' } as const

function Log({ search, open }: { search: CallSearch; open: (call: Call) => void }) {
  const { t, code } = useText()
  const { call: selected, ...filter } = search
  const asked = useInfiniteQuery(callsQuery(filter))
  const far = (call: Call) => (call.direction === 'out' ? call.to : call.from)
  const columns: Column<Call>[] = [
    {
      key: 'at',
      title: t('calls.col.time'),
      width: 104,
      cell: (call) => (
        <button type="button" className={lay.open} onClick={() => open(call)}>
          <Moment at={call.started_at} />
        </button>
      ),
    },
    {
      key: 'far',
      title: t('calls.col.far'),
      cell: (call) => (
        <span className="num">
          <span title={code('call_direction', call.direction)}>
            <span aria-hidden="true">{DIRECTION_ARROW[call.direction]}</span>
            <span className="unseen">{code('call_direction', call.direction)}</span>
          </span>{' '}
          {phoneNumber(far(call).number)} <span className="muted">{far(call).name}</span>
        </span>
      ),
    },
    {
      key: 'queue',
      title: t('calls.col.queue'),
      cell: (call) => <span className="muted">{call.queue?.name}</span>,
    },
    { key: 'agent', title: t('calls.col.agent'), cell: (call) => call.agent?.name },
    {
      key: 'wait',
      title: t('calls.col.wait'),
      align: 'right',
      cell: (call) => (
        <span className="num">
          {call.direction === 'in' && call.wait_ms != null ? stopwatch(call.wait_ms) : ''}
        </span>
      ),
    },
    { key: 'talk', title: t('calls.col.talk'), align: 'right', cell: (call) => <Talk call={call} /> },
    {
      key: 'rec',
      title: t('calls.col.rec'),
      width: 48,
      cell: (call) =>
        call.state === 'ended' &&
        call.recording?.available && (
          <span title={t('calls.col.rec')} style={{ color: 'var(--primary)', display: 'inline-flex' }}>
            <Icon name="play" size={14} />
            <span className="unseen">{t('calls.col.rec')}</span>
          </span>
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
  ]
  return (
    <PagedTable
      asked={asked}
      empty={t('calls.empty')}
      emptyHint={t('calls.empty_hint')}
      label={t('calls.title')}
      columns={columns}
      rowKey={(call) => call.id}
      selected={selected}
      open={open}
    />
  )
}

function Talk({ call }: { call: Call }) {
  const { code } = useText()
  if (call.state !== 'ended') {
    return (
      <Tag tone="primary">
        {code('call_state', call.state)} {call.answered_at && <Elapsed since={call.answered_at} />}
      </Tag>
    )
  }
  if (call.talk_ms) return <span className="num">{stopwatch(call.talk_ms)}</span>
  return <Tag tone={call.result === 'abandoned' ? 'danger' : 'warn'}>{code('call_result', call.result)}</Tag>
}
