/** Accounts: made, reset, turned off and on, unlocked; sessions listed and cut; a lost authenticator taken away. */
import { useInfiniteQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { Button } from 'antd'
import { useState } from 'react'
import { type Account, accountsQuery } from '../../api/ops'
import { useText } from '../../i18n'
import { Panel } from '../../ui/Panel'
import { Empty, Gate, StateBlock } from '../../ui/States'
import { type Column, Table } from '../../ui/Table'
import { Tag } from '../../ui/Tag'
import { TopBar } from '../../ui/TopBar'
import { Moment } from '../../ui/time'
import { AccountDetail } from './AccountDetail'
import css from './accounts.module.css'
import { CreateAccount } from './CreateAccount'
import { useRights } from './rights'

const route = getRouteApi('/signed-in/shell/accounts')

export function AccountsPage() {
  const { t } = useText()
  const { open } = route.useSearch()
  const navigate = route.useNavigate()
  const rights = useRights()
  const [creating, setCreating] = useState(false)
  const asked = useInfiniteQuery(accountsQuery)
  const rows = asked.data?.pages.flatMap((page) => page.items) ?? []
  const chosen = rows.find((each) => each.user === open)
  const choose = (user: string | undefined) => void navigate({ search: { open: user }, replace: true })
  return (
    <div className={css.page}>
      <TopBar>
        <h1 style={{ fontSize: 16 }}>{t('admin.accounts.title')}</h1>
      </TopBar>
      <Panel
        flush
        title={t('admin.accounts.title')}
        extra={
          rights.system && (
            <Button type="primary" size="small" onClick={() => setCreating(true)}>
              {t('admin.accounts.create')}
            </Button>
          )
        }
      >
        <Gate asked={asked} rows={14}>
          {() =>
            rows.length === 0 ? (
              <Empty title={t('admin.accounts.empty')} />
            ) : (
              <List
                rows={rows}
                selected={open}
                choose={choose}
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
      {chosen ? (
        <AccountDetail key={chosen.user} one={chosen} />
      ) : (
        <Panel title={t('admin.accounts.title')}>
          <StateBlock icon="people" title={t('admin.accounts.select')}>
            <span>{t('admin.accounts.three')}</span>
          </StateBlock>
        </Panel>
      )}
      {creating && <CreateAccount close={() => setCreating(false)} created={choose} />}
    </div>
  )
}

interface ListProps {
  rows: Account[]
  selected?: string
  choose: (user: string) => void
  more: { has: boolean; busy: boolean; load: () => void }
}

function List({ rows, selected, choose, more }: ListProps) {
  const { t } = useText()
  const columns: Column<Account>[] = [
    {
      key: 'user',
      title: t('admin.accounts.col.user'),
      width: 140,
      cell: (one) => (
        <button type="button" className={css.open} onClick={() => choose(one.user)}>
          {one.user}
        </button>
      ),
    },
    { key: 'person', title: t('admin.accounts.col.person'), cell: (one) => one.person_name },
    {
      key: 'extension',
      title: t('admin.accounts.col.extension'),
      width: 80,
      cell: (one) => <span className="num">{one.extension ?? <span className="muted">—</span>}</span>,
    },
    {
      key: 'state',
      title: t('admin.accounts.col.state'),
      width: 170,
      cell: (one) => <AccountState one={one} />,
    },
    {
      key: 'totp',
      title: t('admin.accounts.col.totp'),
      width: 100,
      cell: (one) =>
        one.totp ? (
          <Tag tone="good">{t('admin.accounts.totp_on')}</Tag>
        ) : (
          <span className="muted">{t('admin.accounts.totp_off')}</span>
        ),
    },
    {
      key: 'last',
      title: t('admin.accounts.col.last'),
      width: 120,
      align: 'right',
      cell: (one) =>
        one.last_sign_in_at ? (
          <Moment at={one.last_sign_in_at} />
        ) : (
          <span className="muted">{t('admin.accounts.never')}</span>
        ),
    },
  ]
  return (
    <Table
      label={t('admin.accounts.title')}
      columns={columns}
      rows={rows}
      rowKey={(one) => one.user}
      selected={selected}
      open={(one) => choose(one.user)}
      more={more}
    />
  )
}

export function AccountState({ one }: { one: Account }) {
  const { t } = useText()
  if (one.disabled_at) return <Tag tone="danger">{t('admin.accounts.disabled')}</Tag>
  return (
    <span className={css.tags}>
      <Tag tone="good">{t('admin.accounts.active')}</Tag>
      {one.must_change && <Tag tone="warn">{t('admin.accounts.must_change')}</Tag>}
    </span>
  )
}
