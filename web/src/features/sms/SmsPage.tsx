/** Messages: what went out and came in, with its state and segments; the links; writing one. */
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { Button } from 'antd'
import { linksQuery, type Message, messagesQuery } from '../../api/ops'
import { useText } from '../../i18n'
import { phoneNumber } from '../../ui/format'
import lay from '../../ui/layout.module.css'
import { PagedTable } from '../../ui/PagedTable'
import { Panel } from '../../ui/Panel'
import { Split } from '../../ui/Split'
import { StateBlock } from '../../ui/States'
import type { Column } from '../../ui/Table'
import { Tabs } from '../../ui/Tabs'
import { Tag } from '../../ui/Tag'
import { TopBar } from '../../ui/TopBar'
import { Moment } from '../../ui/time'
import ui from '../../ui/ui.module.css'
import { MessageStateTag } from './MessageState'
import { SMS_TABS, type SmsSearch } from './search'
import css from './sms.module.css'
import { WriteForm } from './WriteForm'

const route = getRouteApi('/signed-in/shell/sms')

export function SmsPage() {
  const { t } = useText()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const set = (change: Partial<SmsSearch>) =>
    void navigate({ search: (now: SmsSearch) => ({ ...now, ...change }), replace: true })
  return (
    <Split aside={380}>
      <TopBar>
        <h1 style={{ fontSize: 16 }}>{t('sms.title')}</h1>
        <Links />
      </TopBar>
      <Panel
        flush
        title={
          <Tabs
            label={t('sms.title')}
            values={SMS_TABS}
            value={search.tab ?? 'all'}
            name={(each) => t(`sms.tab.${each}`)}
            choose={(tab) => set({ tab: tab === 'all' ? undefined : tab })}
          />
        }
        extra={
          <>
            <Link to="/sms/sandbox">{t('sms.sandbox')}</Link>
            <Button type="primary" size="small" onClick={() => set({ write: true, open: undefined })}>
              {t('sms.write')}
            </Button>
          </>
        }
      >
        <List search={search} open={(message) => set({ open: message.id, write: undefined })} />
      </Panel>
      {search.write ? (
        <WriteForm caseId={search.case} close={() => set({ write: undefined })} />
      ) : (
        <Detail id={search.open ?? null} search={search} />
      )}
    </Split>
  )
}

/** The links and how they are, in the top bar. */
function Links() {
  const { t } = useText()
  const { data } = useQuery(linksQuery)
  if (!data) return null
  if (data.items.length === 0) return <Tag tone="warn">{t('sms.no_links')}</Tag>
  return (
    <>
      {data.items.map((link) => (
        <Tag key={link.name} tone={link.up ? 'good' : 'danger'} title={link.last_error ?? undefined}>
          <span className={ui.dot} data-shape={link.up ? 'solid' : 'hollow'} />
          {link.name} {link.up ? t('sms.link_up') : t('sms.link_down')}
          {link.queued > 0 && `　${t('sms.queued', { n: link.queued })}`}
          {link.in_flight > 0 && `　${t('sms.in_flight', { n: link.in_flight })}`}
        </Tag>
      ))}
    </>
  )
}

function filterOf(search: SmsSearch) {
  return { state: search.tab, case_id: search.case }
}

function List({ search, open }: { search: SmsSearch; open: (message: Message) => void }) {
  const { t } = useText()
  const asked = useInfiniteQuery(messagesQuery(filterOf(search)))
  const columns: Column<Message>[] = [
    {
      key: 'at',
      title: t('sms.col.time'),
      width: 96,
      cell: (one) => (
        <button type="button" className={lay.open} onClick={() => open(one)}>
          <Moment at={one.created_at} />
        </button>
      ),
    },
    {
      key: 'who',
      title: t('sms.col.who'),
      width: 190,
      cell: (one) => (
        <span className="num">
          <span aria-hidden="true">{one.direction === 'in' ? '↙' : '↗'}</span>
          <span className="unseen">
            {one.direction === 'in' ? t('sms.direction.in') : t('sms.direction.out')}
          </span>{' '}
          {phoneNumber(one.number ?? '')} <span className="muted">{one.receiver}</span>
        </span>
      ),
    },
    { key: 'text', title: t('sms.col.text'), cell: (one) => <Words one={one} /> },
    {
      key: 'segments',
      title: t('sms.col.segments'),
      width: 56,
      align: 'right',
      cell: (one) => <span className="num">{one.segments || ''}</span>,
    },
    {
      key: 'link',
      title: t('sms.col.link'),
      width: 90,
      cell: (one) => <span className="muted">{one.link}</span>,
    },
    { key: 'state', title: t('sms.col.state'), width: 96, cell: (one) => <MessageStateTag one={one} /> },
  ]
  return (
    <PagedTable
      asked={asked}
      empty={t('sms.empty')}
      emptyHint={t('sms.empty_hint')}
      label={t('sms.title')}
      columns={columns}
      rowKey={(one) => one.id}
      selected={search.open}
      open={open}
    />
  )
}

function Words({ one }: { one: Message }) {
  const { t } = useText()
  if (one.text === null) return <span className="muted">{t('sms.erased')}</span>
  return (
    <span className={lay.clamp} title={one.text}>
      {one.text}
    </span>
  )
}

function Detail({ id, search }: { id: string | null; search: SmsSearch }) {
  const { t } = useText()
  const asked = useInfiniteQuery(messagesQuery(filterOf(search)))
  const one = asked.data?.pages.flatMap((page) => page.items).find((each) => each.id === id)
  return (
    <Panel title={t('sms.col.text')} extra={one && <MessageStateTag one={one} />}>
      {one ? (
        <dl className={lay.facts}>
          <dt>{t('sms.col.who')}</dt>
          <dd>
            <span className="num">{phoneNumber(one.number ?? '')}</span> {one.receiver}
          </dd>
          <dt>{t('sms.col.time')}</dt>
          <dd>
            <Moment at={one.created_at} />
          </dd>
          <dt>{t('sms.col.link')}</dt>
          <dd>
            {one.link}　<span className="muted num">{one.ext}</span>
          </dd>
          <dt>{t('sms.col.segments')}</dt>
          <dd className="num">{one.segments || '—'}</dd>
          {one.reason && (
            <>
              <dt>{t('sms.col.state')}</dt>
              <dd style={{ color: 'var(--danger)' }}>{one.reason}</dd>
            </>
          )}
          <dt>{t('sms.col.text')}</dt>
          <dd className={css.full}>{one.text ?? t('sms.erased')}</dd>
          {one.case_id && (
            <>
              <dt>{t('sms.of_case')}</dt>
              <dd>
                <Link to="/cases/$id" params={{ id: one.case_id }}>
                  {t('sms.open_case')}
                </Link>
              </dd>
            </>
          )}
        </dl>
      ) : (
        <StateBlock icon="sms" title={t('sms.title')}>
          <span>{t('sms.empty_hint')}</span>
        </StateBlock>
      )}
    </Panel>
  )
}
