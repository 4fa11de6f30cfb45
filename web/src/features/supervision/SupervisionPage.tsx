/** Supervision: overdue, due soon, often returned, dissatisfied; ask, remind, escalate from the list. */
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { Button, Modal } from 'antd'
import { useState } from 'react'
import { caseCountsQuery, casesQuery } from '../../api/queries'
import type { Case, Verb } from '../../api/types'
import { useText } from '../../i18n'
import { Deadline } from '../../ui/Clock'
import { useVerb, VerbForm } from '../../ui/case/VerbForm'
import { publicNo } from '../../ui/format'
import { Panel } from '../../ui/Panel'
import { SearchBox } from '../../ui/SearchBox'
import { Empty, Gate } from '../../ui/States'
import { type Column, Table } from '../../ui/Table'
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
  const rows = asked.data?.pages.flatMap((page) => page.items) ?? []
  return (
    <div className={css.page}>
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
        <Gate asked={asked} rows={12}>
          {() =>
            rows.length === 0 ? (
              <Empty title={t('cases.supervision.empty')} />
            ) : (
              <List
                rows={rows}
                more={{
                  has: asked.hasNextPage,
                  busy: asked.isFetchingNextPage,
                  load: () => void asked.fetchNextPage(),
                }}
              />
            )
          }
        </Gate>
      </Panel>
      <ByUnit rows={rows} total={asked.hasNextPage ? undefined : rows.length} />
    </div>
  )
}

interface ListProps {
  rows: Case[]
  more: { has: boolean; busy: boolean; load: () => void }
}

function List({ rows, more }: ListProps) {
  const { t } = useText()
  const navigate = route.useNavigate()
  const [acting, setActing] = useState<{ one: Case; verb: Verb } | null>(null)
  const columns = useColumns((one, verb) => setActing({ one, verb }))
  return (
    <>
      <Table
        label={t('cases.supervision.title')}
        rows={rows}
        rowKey={(one) => one.id}
        columns={columns}
        more={more}
        open={(one) => void navigate({ to: '/cases/$id', params: { id: one.id } })}
      />
      <Modal
        open={acting !== null}
        footer={null}
        onCancel={() => setActing(null)}
        destroyOnHidden
        title={acting && <ActTitle one={acting.one} verb={acting.verb} />}
        width={480}
      >
        {acting && (
          <VerbForm
            key={acting.one.id + acting.verb.verb}
            one={acting.one}
            verb={acting.verb}
            close={() => setActing(null)}
          />
        )}
      </Modal>
    </>
  )
}

function ActTitle({ one, verb }: { one: Case; verb: Verb }) {
  const { code } = useText()
  return (
    <>
      {verb.title ?? code('verb', verb.verb)}
      {'　'}
      <span className="muted" style={{ fontWeight: 400, fontSize: 14 }}>
        {one.title}
      </span>
    </>
  )
}

function useColumns(choose: (one: Case, verb: Verb) => void): Column<Case>[] {
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
      cell: (one) => one.lead_unit?.name ?? <span className="muted">—</span>,
    },
    { key: 'node', title: t('cases.col.node'), width: 100, cell: (one) => <NodeTag node={one.node} /> },
    { key: 'due', title: t('cases.col.due'), width: 170, cell: (one) => <Deadline one={one} /> },
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
      width: 150,
      align: 'right',
      cell: (one) => <Acts one={one} choose={choose} />,
    },
  ]
}

function Acts({ one, choose }: { one: Case; choose: (one: Case, verb: Verb) => void }) {
  const { t } = useText()
  const { act, busy } = useVerb(one)
  const urge = one.verbs.find((verb) => verb.verb === 'urge')
  const supervise = one.verbs.find((verb) => verb.verb === 'supervise')
  return (
    <span className={css.acts}>
      {urge && (
        <Button size="small" loading={busy === 'urge'} onClick={() => void act('urge', {})}>
          {t('cases.supervision.urge')}
        </Button>
      )}
      {supervise && (
        <Button size="small" danger onClick={() => choose(one, supervise)}>
          {t('cases.supervision.supervise')}
        </Button>
      )}
    </span>
  )
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
