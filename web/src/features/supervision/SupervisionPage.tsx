/** Supervision: overdue, due soon, often returned, dissatisfied; ask, remind, escalate from the list. */
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { Button, Modal } from 'antd'
import { useState } from 'react'
import { caseCountsQuery, caseQuery, casesQuery } from '../../api/queries'
import type { Case } from '../../api/types'
import { useText } from '../../i18n'
import { Deadline } from '../../ui/Clock'
import { VerbForm } from '../../ui/case/VerbForm'
import { publicNo } from '../../ui/format'
import { PagedTable, rowsOf } from '../../ui/PagedTable'
import { Panel } from '../../ui/Panel'
import { SearchBox } from '../../ui/SearchBox'
import { Split } from '../../ui/Split'
import { Empty, Gate } from '../../ui/States'
import type { Column } from '../../ui/Table'
import { Tabs } from '../../ui/Tabs'
import { NodeTag, UrgencyTag } from '../../ui/Tag'
import { TopBar } from '../../ui/TopBar'
import { Moment } from '../../ui/time'
import ui from '../../ui/ui.module.css'
import { SUPERVISION_VIEWS, supervisionQuery } from './search'
import css from './supervision.module.css'

const route = getRouteApi('/signed-in/shell/supervision')

export function SupervisionPage() {
  const { t } = useText()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const view = search.view ?? 'supervision'
  const { data: counts } = useQuery(caseCountsQuery)
  const asked = useInfiniteQuery(casesQuery(supervisionQuery(view, search.q)))
  const rows = rowsOf(asked)
  const [urging, setUrging] = useState<Case | null>(null)
  const columns = useColumns(setUrging)
  return (
    <Split aside={288}>
      <TopBar>
        <h1 style={{ fontSize: 16 }}>{t('cases.supervision.title')}</h1>
      </TopBar>
      <Panel
        flush
        title={
          <Tabs
            label={t('cases.supervision.title')}
            values={SUPERVISION_VIEWS}
            value={view}
            name={(each) => t(`cases.supervision.${each}`)}
            count={(each) =>
              each === 'supervision'
                ? counts?.supervision
                : each === 'returned_often'
                  ? counts?.returned
                  : undefined
            }
            choose={(each) => void navigate({ search: { ...search, view: each }, replace: true })}
          />
        }
      >
        <div className={ui.filters} data-search>
          <SearchBox
            value={search.q}
            hint={t('cases.search')}
            search={(q) => void navigate({ search: { view, q }, replace: true })}
          />
          <span className="small">{t(`cases.supervision.hint.${view}`)}</span>
        </div>
        <PagedTable
          asked={asked}
          label={t('cases.supervision.title')}
          empty={t('cases.supervision.empty')}
          rowKey={(one) => one.id}
          columns={columns}
          open={(one) => void navigate({ to: '/cases/$id', params: { id: one.id } })}
        />
      </Panel>
      <ByUnit rows={rows} total={asked.hasNextPage ? undefined : rows.length} />
      {urging && <Urge one={urging} close={() => setUrging(null)} />}
    </Split>
  )
}

/** A list says nothing of what may be done: the case itself is asked when a hand is on the button. */
function Urge({ one, close }: { one: Case; close: () => void }) {
  const { t, code } = useText()
  const asked = useQuery(caseQuery(one.id))
  return (
    <Modal
      open
      footer={null}
      onCancel={close}
      width={480}
      title={
        <>
          {code('verb', 'urge')}
          <span className={css.of}>{one.title}</span>
        </>
      }
    >
      <Gate asked={asked} rows={3}>
        {(whole) => {
          const verb = whole.verbs.find((each) => each.verb === 'urge')
          if (!verb) return <p>{t('cases.supervision.cannot_urge', { node: code('node', whole.node) })}</p>
          return <VerbForm one={whole} verb={verb} close={close} />
        }}
      </Gate>
    </Modal>
  )
}

function useColumns(urge: (one: Case) => void): Column<Case>[] {
  const { t } = useText()
  return [
    {
      key: 'title',
      title: t('cases.col.title'),
      cell: (one) => (
        <>
          <Link to="/cases/$id" params={{ id: one.id }} className={css.title}>
            {one.title}
          </Link>{' '}
          <UrgencyTag urgency={one.urgency} />
          <span className={css.sub}>
            <span className="num">{publicNo(one.public_no)}</span>　{one.class_name}
          </span>
        </>
      ),
    },
    {
      key: 'unit',
      title: t('cases.col.unit'),
      width: 150,
      cell: (one) => one.lead_unit?.name ?? <span className="muted">—</span>,
    },
    { key: 'node', title: t('cases.col.node'), width: 100, cell: (one) => <NodeTag node={one.node} /> },
    { key: 'due', title: t('cases.col.due'), width: 190, cell: (one) => <Deadline one={one} /> },
    {
      key: 'returns',
      title: t('cases.col.returns'),
      width: 56,
      align: 'right',
      cell: (one) => <span className="num">{one.returns || ''}</span>,
    },
    {
      key: 'at',
      title: t('cases.col.updated'),
      width: 100,
      align: 'right',
      cell: (one) => <Moment at={one.updated_at} />,
    },
    {
      key: 'acts',
      title: <span className="unseen">{t('cases.actions.title')}</span>,
      width: 76,
      align: 'right',
      cell: (one) => (
        <Button size="small" onClick={() => urge(one)}>
          {t('cases.supervision.urge')}
        </Button>
      ),
    },
  ]
}

/** More bars than this are a list nobody reads. */
const UNITS_SHOWN = 12

function ByUnit({ rows, total }: { rows: Case[]; total?: number }) {
  const { t } = useText()
  const sums = new Map<string, number>()
  for (const one of rows) {
    const name = one.lead_unit?.name ?? t('cases.head.no_lead')
    sums.set(name, (sums.get(name) ?? 0) + 1)
  }
  const units = [...sums].sort((a, b) => b[1] - a[1]).slice(0, UNITS_SHOWN)
  const most = units[0]?.[1] ?? 1
  return (
    <Panel
      title={t('cases.supervision.by_unit')}
      extra={total !== undefined && t('cases.supervision.total', { n: total })}
    >
      {units.length === 0 ? (
        <Empty />
      ) : (
        units.map(([name, n]) => (
          <div className={css.unit} key={name}>
            <span>{name}</span>
            <b className="num">{n}</b>
            <div className={css.unitBar}>
              <i style={{ width: `${(n / most) * 100}%` }} />
            </div>
          </div>
        ))
      )}
    </Panel>
  )
}
