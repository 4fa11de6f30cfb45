/** Accounts: made, reset, turned off and on, unlocked; sessions listed and cut; a lost authenticator taken away. */
import { useInfiniteQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { Button } from 'antd'
import { useState } from 'react'
import { type Account, accountsQuery } from '../../api/ops'
import { useText } from '../../i18n'
import lay from '../../ui/layout.module.css'
import { PagedTable, rowsOf } from '../../ui/PagedTable'
import { Panel } from '../../ui/Panel'
import { Split } from '../../ui/Split'
import { StateBlock } from '../../ui/States'
import type { Column } from '../../ui/Table'
import { Tag } from '../../ui/Tag'
import { TopBar } from '../../ui/TopBar'
import { Moment } from '../../ui/time'
import { AccountDetail } from './AccountDetail'
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
  const chosen = rowsOf(asked).find((each) => each.user === open)
  const choose = (user: string | undefined) => void navigate({ search: { open: user }, replace: true })
  const columns = useColumns(choose)
  return (
    <Split aside={400}>
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
        <PagedTable
          asked={asked}
          label={t('admin.accounts.title')}
          empty={t('admin.accounts.empty')}
          columns={columns}
          rowKey={(one) => one.user}
          selected={open}
          open={(one) => choose(one.user)}
        />
      </Panel>
      {chosen ? (
        <AccountDetail key={chosen.user} one={chosen} />
      ) : (
        <Panel title={t('admin.accounts.detail')}>
          <StateBlock icon="people" title={t('admin.accounts.select')}>
            <span>{t('admin.accounts.three')}</span>
          </StateBlock>
        </Panel>
      )}
      {creating && <CreateAccount close={() => setCreating(false)} created={choose} />}
    </Split>
  )
}

function useColumns(choose: (user: string) => void): Column<Account>[] {
  const { t } = useText()
  return [
    {
      key: 'user',
      title: t('admin.accounts.col.user'),
      width: 140,
      cell: (one) => (
        <button type="button" className={lay.open} onClick={() => choose(one.user)}>
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
}

export function AccountState({ one }: { one: Account }) {
  const { t } = useText()
  if (one.disabled_at) return <Tag tone="danger">{t('admin.accounts.disabled')}</Tag>
  return (
    <span className={lay.tags}>
      <Tag tone="good">{t('admin.accounts.active')}</Tag>
      {one.must_change && <Tag tone="warn">{t('admin.accounts.must_change')}</Tag>}
    </span>
  )
}
