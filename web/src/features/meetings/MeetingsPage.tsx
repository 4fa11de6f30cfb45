/** Meetings: open ones and past ones, who is invited, who came; calling one, entering, ending. */
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { App, Button } from 'antd'
import { endMeeting, type Meeting, meetingQuery, meetingsQuery } from '../../api/ops'
import { meQuery } from '../../api/queries'
import { useText } from '../../i18n'
import { useAct } from '../../ui/act'
import { clockTime } from '../../ui/format'
import lay from '../../ui/layout.module.css'
import { PagedTable } from '../../ui/PagedTable'
import { Panel } from '../../ui/Panel'
import { Split } from '../../ui/Split'
import { Gate, StateBlock } from '../../ui/States'
import type { Column } from '../../ui/Table'
import { Tabs } from '../../ui/Tabs'
import { Tag, type Tone } from '../../ui/Tag'
import { TopBar } from '../../ui/TopBar'
import { Elapsed, Moment } from '../../ui/time'
import { CallMeeting } from './CallMeeting'
import css from './meetings.module.css'
import type { MeetingSearch } from './search'

const route = getRouteApi('/signed-in/shell/meetings')
const TABS = ['open', 'all'] as const
const TONE: Record<Meeting['state'], Tone> = { called: 'warn', running: 'good', ended: 'neutral' }

export function MeetingsPage() {
  const { t } = useText()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const set = (change: Partial<MeetingSearch>) =>
    void navigate({ search: (now: MeetingSearch) => ({ ...now, ...change }), replace: true })
  const { data: me } = useQuery(meQuery)
  const may = !me?.actions || me.actions.includes('meeting.hold')
  return (
    <Split aside={400}>
      <TopBar>
        <h1 style={{ fontSize: 16 }}>{t('meetings.title')}</h1>
      </TopBar>
      <Panel
        flush
        title={
          <Tabs
            label={t('meetings.title')}
            values={TABS}
            value={search.all ? 'all' : 'open'}
            name={(each) => t(`meetings.tab.${each}`)}
            choose={(each) => set({ all: each === 'all' || undefined })}
          />
        }
        extra={
          may && (
            <Button type="primary" size="small" onClick={() => set({ create: true, open: undefined })}>
              {t('meetings.create')}
            </Button>
          )
        }
      >
        <List search={search} open={(one) => set({ open: one.id, create: undefined, case: undefined })} />
      </Panel>
      {search.create ? (
        <CallMeeting
          caseId={search.case}
          close={() => set({ create: undefined, case: undefined })}
          created={(one) => set({ create: undefined, case: undefined, open: one.id })}
        />
      ) : search.open ? (
        <Detail key={search.open} id={search.open} />
      ) : (
        <Panel title={t('meetings.participants')}>
          <StateBlock icon="meetings" title={t('meetings.select')} />
        </Panel>
      )}
    </Split>
  )
}

function List({ search, open }: { search: MeetingSearch; open: (one: Meeting) => void }) {
  const { t } = useText()
  const asked = useInfiniteQuery(meetingsQuery({ open: search.all ? undefined : true }))
  const columns: Column<Meeting>[] = [
    {
      key: 'title',
      title: t('meetings.col.title'),
      cell: (one) => (
        <button type="button" className={lay.open} onClick={() => open(one)}>
          {one.title}
        </button>
      ),
    },
    { key: 'state', title: t('meetings.col.state'), width: 100, cell: (one) => <MeetingState one={one} /> },
    { key: 'held', title: t('meetings.col.held'), width: 160, cell: (one) => one.held_by },
    {
      key: 'invited',
      title: t('meetings.col.invited'),
      cell: (one) => (
        <span className="muted" title={one.invited.map((unit) => unit.name).join('、')}>
          {one.invited
            .slice(0, 2)
            .map((unit) => unit.name)
            .join('、')}
          {one.invited.length > 2 && ` ${t('meetings.units', { n: one.invited.length })}`}
        </span>
      ),
    },
    { key: 'time', title: t('meetings.col.time'), width: 110, cell: (one) => <Moment at={one.created_at} /> },
    {
      key: 'acts',
      title: <span className="unseen">{t('meetings.enter')}</span>,
      width: 80,
      align: 'right',
      cell: (one) =>
        one.state !== 'ended' && (
          <Link to="/meeting/$id" params={{ id: one.id }}>
            {t('meetings.enter')}
          </Link>
        ),
    },
  ]
  return (
    <PagedTable
      asked={asked}
      empty={t('meetings.empty')}
      emptyHint={t('meetings.empty_hint')}
      label={t('meetings.title')}
      columns={columns}
      rowKey={(one) => one.id}
      selected={search.open}
      open={open}
    />
  )
}

function MeetingState({ one }: { one: Meeting }) {
  const { t } = useText()
  return (
    <Tag tone={TONE[one.state]}>
      {t(`meetings.state.${one.state}`)}{' '}
      {one.state === 'running' && one.started_at && <Elapsed since={one.started_at} />}
    </Tag>
  )
}

function Detail({ id }: { id: string }) {
  const { t } = useText()
  const asked = useQuery(meetingQuery(id))
  const one = asked.data
  return (
    <Panel title={one?.title ?? t('meetings.title')} beside={one && <MeetingState one={one} />}>
      <Gate asked={asked}>{(meeting) => <Facts one={meeting} />}</Gate>
    </Panel>
  )
}

function Facts({ one }: { one: Meeting }) {
  const { t } = useText()
  const { modal } = App.useApp()
  const navigate = route.useNavigate()
  const { act } = useAct(['meetings'])
  const end = () =>
    modal.confirm({
      title: t('meetings.end'),
      content: t('meetings.end_sure', { title: one.title }),
      okText: t('meetings.end'),
      cancelText: t('app.common.cancel'),
      okButtonProps: { danger: true },
      onOk: () => act('end', () => endMeeting(one.id), t('meetings.ended')),
    })
  return (
    <div className={lay.form}>
      {one.state !== 'ended' && (
        <div className={lay.acts}>
          <Button
            type="primary"
            onClick={() => void navigate({ to: '/meeting/$id', params: { id: one.id } })}
          >
            {t('meetings.join')}
          </Button>
          <Button danger onClick={end}>
            {t('meetings.end')}
          </Button>
        </div>
      )}
      <div className="small">
        {t('meetings.col.held')} {one.held_by}　<Moment at={one.created_at} />
        {'　'}
        {one.case_id && (
          <Link to="/cases/$id" params={{ id: one.case_id }}>
            {t('meetings.open_case')}
          </Link>
        )}
      </div>
      <h3 className={lay.head}>{t('meetings.col.invited')}</h3>
      <div className={lay.tags}>
        {one.invited.length === 0 ? '—' : one.invited.map((unit) => <Tag key={unit.id}>{unit.name}</Tag>)}
      </div>
      <h3 className={lay.head}>{t('meetings.participants')}</h3>
      {one.participants.length === 0 ? (
        <span className="muted">{t('meetings.nobody')}</span>
      ) : (
        <ul className={css.came}>
          {one.participants.map((stay) => (
            <li key={stay.identity + stay.joined_at}>
              <b>{stay.name}</b>
              <span className="small num">{t('meetings.came', { a: clockTime(stay.joined_at) })}</span>
              {stay.left_at ? (
                <span className="small num">{t('meetings.went', { a: clockTime(stay.left_at) })}</span>
              ) : (
                <Tag tone="good">{t('meetings.there')}</Tag>
              )}
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}
