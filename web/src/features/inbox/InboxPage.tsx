/** The department's inbox: to sign, in progress, due soon, overdue, returned; the chosen case beside the list, with what may be done. */
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { Button } from 'antd'
import { useState } from 'react'
import { caseCountsQuery, caseQuery, casesQuery } from '../../api/queries'
import type { Case, Verb } from '../../api/types'
import { useText } from '../../i18n'
import { Deadline } from '../../ui/Clock'
import { CaseTimeline } from '../../ui/case/CaseTimeline'
import { Limits } from '../../ui/case/Limits'
import { Requester, Words } from '../../ui/case/Requester'
import { useVerb, VerbForm } from '../../ui/case/VerbForm'
import { movesFirst, movesOn, needsForm, verbName } from '../../ui/case/verbs'
import { publicNo } from '../../ui/format'
import lay from '../../ui/layout.module.css'
import { Panel } from '../../ui/Panel'
import { Empty, Gate, StateBlock } from '../../ui/States'
import { Tabs } from '../../ui/Tabs'
import { CardTag, NodeTag, Tag, UrgencyTag } from '../../ui/Tag'
import { TopBar } from '../../ui/TopBar'
import { Moment } from '../../ui/time'
import css from './inbox.module.css'
import { INBOX_VIEWS, type InboxView } from './search'

const route = getRouteApi('/signed-in/shell/inbox')
const DESK_VIEWS = new Set<InboxView>(['to_dispatch', 'to_check'])
/** Lists about time are in the order of time; the others newest first, so that paused cases are in them. */
const BY_DUE = new Set<InboxView>(['to_sign', 'due_soon', 'overdue'])

export function InboxPage() {
  const { t } = useText()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const { data: counts } = useQuery(caseCountsQuery)
  const view = search.view ?? 'to_sign'
  // The dispatching desk's two lists are shown where there is something in them.
  const shown = INBOX_VIEWS.filter(
    (each) => each === view || !DESK_VIEWS.has(each) || (counts?.[each] ?? 0) > 0,
  )
  return (
    <div className={css.page}>
      <TopBar>
        <h1 style={{ fontSize: 16 }}>{t('cases.inbox.title')}</h1>
      </TopBar>
      <Panel
        flush
        title={
          <Tabs
            label={t('cases.inbox.title')}
            values={shown}
            value={view}
            name={(each) => t(`cases.inbox.${each}`)}
            count={(each) => counts?.[each]}
            alarm={['overdue', 'returned']}
            choose={(each) => void navigate({ search: { view: each }, replace: true })}
          />
        }
      >
        <List
          view={view}
          open={search.open ?? null}
          choose={(id) => void navigate({ search: { view, open: id }, replace: true })}
        />
      </Panel>
      <Detail id={search.open ?? null} />
    </div>
  )
}

function List({
  view,
  open,
  choose,
}: {
  view: InboxView
  open: string | null
  choose: (id: string) => void
}) {
  const { t } = useText()
  const asked = useInfiniteQuery(casesQuery({ box: view, sort: BY_DUE.has(view) ? 'due' : 'newest' }))
  return (
    <Gate asked={asked} rows={10}>
      {(data) => {
        const rows = data.pages.flatMap((page) => page.items)
        if (rows.length === 0) return <Empty title={t(`cases.inbox.empty.${view}`)} />
        return (
          <div className={lay.list}>
            {rows.map((one) => (
              <Item key={one.id} one={one} on={one.id === open} choose={() => choose(one.id)} />
            ))}
            {asked.hasNextPage && (
              <Button
                type="link"
                block
                loading={asked.isFetchingNextPage}
                onClick={() => void asked.fetchNextPage()}
              >
                {t('app.state.more')}
              </Button>
            )}
          </div>
        )
      }}
    </Gate>
  )
}

function Item({ one, on, choose }: { one: Case; on: boolean; choose: () => void }) {
  const { t, code } = useText()
  return (
    <button type="button" className={lay.item} aria-current={on || undefined} onClick={choose}>
      <span className={lay.row}>
        <b>{one.title}</b>
        <UrgencyTag urgency={one.urgency} />
        <Deadline one={one} />
      </span>
      <span className={lay.row}>
        <span className={`small ${lay.cut}`}>
          {code('channel', one.channel)}
          {'　'}
          {one.place.text}
        </span>
        {one.returns > 0 ? (
          <Tag tone="warn">{t('cases.returned', { n: one.returns })}</Tag>
        ) : (
          <span className="small">
            <Moment at={one.updated_at} />
          </span>
        )}
      </span>
    </button>
  )
}

function Detail({ id }: { id: string | null }) {
  const { t } = useText()
  if (!id) {
    return (
      <Panel title={t('cases.title')}>
        <StateBlock icon="inbox" title={t('cases.inbox.select')}>
          <span>{t('cases.inbox.select_hint')}</span>
        </StateBlock>
      </Panel>
    )
  }
  return <Chosen key={id} id={id} />
}

function Chosen({ id }: { id: string }) {
  const { t } = useText()
  const asked = useQuery(caseQuery(id))
  return (
    <div className={lay.stack}>
      <Gate asked={asked}>
        {(one) => (
          <>
            <Head one={one} />
            <Panel title={t('cases.words.title')}>
              <Words one={one} />
            </Panel>
            <div className={css.two}>
              <Limits one={one} />
              <Requester one={one} />
            </div>
            <CaseTimeline id={one.id} />
          </>
        )}
      </Gate>
    </div>
  )
}

function Head({ one }: { one: Case }) {
  const { t, code, lang } = useText()
  const { act, busy } = useVerb(one)
  const [chosen, setChosen] = useState<string | null>(null)
  const verb = one.verbs.find((each) => each.verb === chosen)
  const run = (each: Verb) => (needsForm(each) ? setChosen(each.verb) : void act(each.verb, {}))
  return (
    <header className={css.head}>
      <div className={lay.row}>
        <h2>{one.title}</h2>
        <UrgencyTag urgency={one.urgency} />
        <CardTag card={one.card} />
        <NodeTag node={one.node} />
        <span className="num small">{publicNo(one.public_no)}</span>
      </div>
      <div className="small">
        {code('nature', one.nature)}
        {'　'}
        {one.class_name}
        {'　'}
        {t('cases.head.lead')} {one.lead_unit?.name ?? t('cases.head.no_lead')}
      </div>
      <div className={css.acts}>
        {movesFirst(one.verbs).map((each, i) => (
          <Button
            key={each.verb}
            type={i === 0 && movesOn(each) ? 'primary' : 'default'}
            danger={each.danger}
            loading={busy === each.verb}
            aria-pressed={chosen === each.verb}
            onClick={() => run(each)}
          >
            {verbName(each, { code, lang })}
          </Button>
        ))}
        <Link to="/cases/$id" params={{ id: one.id }}>
          {t('cases.inbox.open')}
        </Link>
      </div>
      {verb && (
        <div style={{ borderTop: '1px solid var(--line)', paddingTop: 12, marginTop: 6 }}>
          <VerbForm key={verb.verb} one={one} verb={verb} close={() => setChosen(null)} />
        </div>
      )}
    </header>
  )
}
