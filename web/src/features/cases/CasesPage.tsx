/** The case list: every filter stands in the address, deadlines in colour and words. */
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { Button, Select } from 'antd'
import { caseCountsQuery, casesQuery } from '../../api/queries'
import type { Case } from '../../api/types'
import { useText } from '../../i18n'
import { Deadline } from '../../ui/Clock'
import { publicNo } from '../../ui/format'
import lay from '../../ui/layout.module.css'
import { PagedTable } from '../../ui/PagedTable'
import { Panel } from '../../ui/Panel'
import { ClassPicker, UnitPicker } from '../../ui/pickers'
import { SearchBox } from '../../ui/SearchBox'
import type { Column } from '../../ui/Table'
import { Tabs } from '../../ui/Tabs'
import { NodeTag, Tag, UrgencyTag } from '../../ui/Tag'
import { TopBar } from '../../ui/TopBar'
import { Moment } from '../../ui/time'
import ui from '../../ui/ui.module.css'
import css from './cases.module.css'
import { CASE_VIEWS, type CaseSearch, caseQueryOf } from './search'

const route = getRouteApi('/signed-in/shell/cases')

export function CasesPage() {
  const { t } = useText()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const { data: counts } = useQuery(caseCountsQuery)
  const set = (change: Partial<CaseSearch>) =>
    void navigate({ search: (now: CaseSearch) => clean({ ...now, ...change }), replace: true })
  const view = search.view ?? 'all'
  return (
    <>
      <TopBar>
        <h1 style={{ fontSize: 16 }}>{t('cases.list')}</h1>
      </TopBar>
      <Panel
        className={css.list}
        flush
        title={
          <Tabs
            label={t('cases.list')}
            values={CASE_VIEWS}
            value={view}
            name={(each) => t(`cases.view.${each}`)}
            count={(each) => (each === 'mine' ? counts?.mine : undefined)}
            choose={(each) => set({ view: each === 'all' ? undefined : each })}
          />
        }
      >
        <Filters search={search} set={set} />
        <List search={search} open={(one) => void navigate({ to: '/cases/$id', params: { id: one.id } })} />
      </Panel>
    </>
  )
}

function clean(search: CaseSearch): CaseSearch {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value)) as CaseSearch
}

const OPEN_NODES = [
  'collected',
  'reported',
  'awaiting_citizen',
  'to_dispatch',
  'assigned',
  'return_requested',
  'handling',
  'fed_back',
  'replying',
  'revisiting',
  'closed',
  'answered',
]

function Filters({ search, set }: { search: CaseSearch; set: (change: Partial<CaseSearch>) => void }) {
  const { t, code } = useText()
  const options = (group: string, values: string[]) =>
    values.map((value) => ({ value, label: code(group, value) }))
  const filtered = Object.keys(search).some((name) => name !== 'view')
  return (
    <div className={ui.filters} data-search>
      <SearchBox value={search.q} hint={t('cases.search')} search={(q) => set({ q })} />
      <Select
        allowClear
        aria-label={t('cases.filter.node')}
        placeholder={t('cases.filter.node')}
        style={{ width: 124 }}
        value={search.node}
        options={options('node', OPEN_NODES)}
        onChange={(node) => set({ node })}
      />
      <Select
        allowClear
        aria-label={t('cases.filter.urgency')}
        placeholder={t('cases.filter.urgency')}
        style={{ width: 112 }}
        value={search.urgency}
        options={options('urgency', ['normal', 'urgent', 'extra_urgent'])}
        onChange={(urgency) => set({ urgency })}
      />
      <Select
        allowClear
        aria-label={t('cases.filter.card')}
        placeholder={t('cases.filter.card')}
        style={{ width: 104 }}
        value={search.card}
        options={options('card', ['yellow', 'red'])}
        onChange={(card) => set({ card })}
      />
      <ClassPicker
        allowClear
        aria-label={t('cases.filter.class')}
        placeholder={t('cases.filter.class')}
        style={{ width: 170 }}
        value={search.class_code ?? ''}
        onChange={(class_code) => set({ class_code })}
      />
      <UnitPicker
        allowClear
        aria-label={t('cases.filter.unit')}
        placeholder={t('cases.filter.unit')}
        style={{ width: 180 }}
        value={search.unit ?? ''}
        onChange={(unit) => set({ unit })}
      />
      {filtered && (
        <Button
          type="link"
          onClick={() =>
            set({
              q: undefined,
              node: undefined,
              urgency: undefined,
              class_code: undefined,
              unit: undefined,
              card: undefined,
            })
          }
        >
          {t('cases.filter.clear')}
        </Button>
      )}
    </div>
  )
}

function List({ search, open }: { search: CaseSearch; open: (one: Case) => void }) {
  const { t } = useText()
  const columns = useColumns()
  const asked = useInfiniteQuery(casesQuery(caseQueryOf(search)))
  return (
    <PagedTable
      asked={asked}
      empty={t('cases.empty')}
      emptyHint={t('cases.empty_hint')}
      label={t('cases.list')}
      rowKey={(one) => one.id}
      columns={columns}
      open={open}
    />
  )
}

function useColumns(): Column<Case>[] {
  const { t, code } = useText()
  return [
    {
      key: 'no',
      title: t('cases.col.no'),
      width: 140,
      cell: (one) => <span className="num muted">{publicNo(one.public_no)}</span>,
    },
    {
      key: 'title',
      title: t('cases.col.title'),
      cell: (one) => (
        <>
          <span className={lay.tags}>
            <Link to="/cases/$id" params={{ id: one.id }} className={css.caseTitle}>
              {one.title}
            </Link>
            <UrgencyTag urgency={one.urgency} />
            {one.overlays.map((overlay) => (
              <Tag key={overlay} tone={overlay === 'supervised' ? 'danger' : 'hold'}>
                {code('overlay', overlay)}
              </Tag>
            ))}
          </span>
          <span className={css.sub}>
            {code('channel', one.channel)}
            {'　'}
            {one.place.text}
          </span>
        </>
      ),
    },
    {
      key: 'class',
      title: t('cases.col.class'),
      cell: (one) => <span className="muted">{one.class_name}</span>,
    },
    {
      key: 'unit',
      title: t('cases.col.unit'),
      cell: (one) => one.lead_unit?.name ?? <span className="muted">—</span>,
    },
    { key: 'node', title: t('cases.col.node'), width: 100, cell: (one) => <NodeTag node={one.node} /> },
    { key: 'due', title: t('cases.col.due'), width: 170, cell: (one) => <Deadline one={one} /> },
    {
      key: 'at',
      title: t('cases.col.at'),
      width: 104,
      align: 'right',
      cell: (one) => <Moment at={one.accepted_at ?? one.collected_at} />,
    },
  ]
}
