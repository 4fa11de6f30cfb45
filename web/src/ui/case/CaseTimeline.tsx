/** Everything that happened about a case, of every kind, in true order: the spine of its page. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { timelineQuery } from '../../api/queries'
import type { HubEvent } from '../../api/types'
import { useText } from '../../i18n'
import type { EventGroup } from '../describe'
import { clockTime } from '../format'
import { Icon } from '../icons'
import { Panel } from '../Panel'
import { Player } from '../Player'
import { Empty, Gate } from '../States'
import { Tag } from '../Tag'
import { Quote, TimelineItem, TimelineList } from '../Timeline'
import ui from '../ui.module.css'
import css from './case.module.css'
import { type Entry, eventByEvent, story } from './story'

const GROUPS: EventGroup[] = ['call', 'message', 'meeting', 'order', 'step']

/** What the switch notes of a call for itself: who was tried, which leg came and went. */
const SWITCH_ONLY = new Set([
  'call.alerting',
  'call.invited',
  'call.greeted',
  'call.leg_ended',
  'call.linked',
  'call.noted',
  'call.recording',
  'call.variable',
])

/** That a call or a message belongs to the case is said by its own events. */
const isTold = (event: HubEvent) =>
  !(event.kind === 'case.linked' && event.body.to === 'subject') &&
  !SWITCH_ONLY.has(event.kind) &&
  !event.kind.startsWith('queue.')

export function CaseTimeline({ id }: { id: string }) {
  const text = useText()
  const { t } = text
  const asked = useQuery(timelineQuery(id))
  const [group, setGroup] = useState<EventGroup | null>(null)
  const [newest, setNewest] = useState(true)
  const [folded, setFolded] = useState(true)
  const events = (asked.data?.items ?? []).filter(isTold)
  const all = folded ? story(events, text) : eventByEvent(events, text)
  const shown = group ? all.filter(({ told }) => told.group === group) : all
  return (
    <Panel
      title={t('cases.timeline.title')}
      beside={<Filters all={all} group={group} set={setGroup} />}
      extra={
        <>
          <button
            type="button"
            className={css.turn}
            title={t('cases.timeline.how')}
            onClick={() => setFolded(!folded)}
          >
            {folded ? t('cases.timeline.raw') : t('cases.timeline.folded')}
          </button>
          <button type="button" className={css.turn} onClick={() => setNewest(!newest)}>
            {newest ? t('cases.timeline.newest') : t('cases.timeline.oldest')}
          </button>
        </>
      }
    >
      <Gate asked={asked} rows={10}>
        {() =>
          shown.length === 0 ? (
            <Empty title={t('cases.timeline.empty')} />
          ) : (
            <Items items={newest ? [...shown].reverse() : shown} label={t('cases.timeline.title')} />
          )
        }
      </Gate>
    </Panel>
  )
}

function Filters({
  all,
  group,
  set,
}: {
  all: Entry[]
  group: EventGroup | null
  set: (group: EventGroup | null) => void
}) {
  const { t } = useText()
  const count = (which: EventGroup) => all.filter(({ told }) => told.group === which).length
  return (
    <div className={css.filters} role="group" aria-label={t('cases.timeline.title')}>
      <button type="button" className={css.chip} aria-pressed={group === null} onClick={() => set(null)}>
        {t('cases.timeline.all')} {all.length}
      </button>
      {GROUPS.filter((each) => count(each) > 0).map((each) => (
        <button
          key={each}
          type="button"
          className={css.chip}
          aria-pressed={group === each}
          onClick={() => set(each)}
        >
          {t(`cases.timeline.${each}`)} {count(each)}
        </button>
      ))}
    </div>
  )
}

function Items({ items, label }: { items: Entry[]; label: string }) {
  return (
    <TimelineList label={label}>
      {items.map(({ key, at, until, told, course }) => (
        <TimelineItem
          key={key}
          at={at}
          until={until}
          title={told.title}
          tone={told.tone}
          beside={
            <>
              {told.tag && <Tag tone={told.tag.tone}>{told.tag.text}</Tag>}
              {told.facts.length > 0 && <span className={css.facts}>{told.facts.join('　')}</span>}
            </>
          }
        >
          {told.text && (
            <div className={told.group === 'message' ? `small ${ui.evText}` : ui.evText}>
              <WithLinks text={told.text} />
            </div>
          )}
          {course && course.length > 1 && (
            <div className={`small num ${css.course}`}>
              {course.map((step) => `${clockTime(step.at)} ${step.text}`).join(' → ')}
            </div>
          )}
          {told.quote && <Quote>{told.quote}</Quote>}
          {told.recordingOf && <Recording callId={told.recordingOf} />}
        </TimelineItem>
      ))}
    </TimelineList>
  )
}

/** An address in a message is long and says nothing to a reader: it is shown by its beginning. */
const ADDRESS = /(https?:\/\/[\w.:/#?=&%~+-]+)/
const ADDRESS_SHOWN_CHARS = 32

function WithLinks({ text }: { text: string }) {
  return (
    <>
      {text.split(ADDRESS).map((part, i) =>
        i % 2 === 1 && part.length > ADDRESS_SHOWN_CHARS ? (
          <span key={i} title={part}>
            {part.slice(0, ADDRESS_SHOWN_CHARS)}…
          </span>
        ) : (
          part
        ),
      )}
    </>
  )
}

function Recording({ callId }: { callId: string }) {
  const { t } = useText()
  const [open, setOpen] = useState(false)
  if (!open) {
    return (
      <button type="button" className={css.play} onClick={() => setOpen(true)}>
        <Icon name="play" size={13} />
        {t('event.say.play')}
      </button>
    )
  }
  return (
    <div className={css.playBox}>
      <Player callId={callId} mini autoPlay />
    </div>
  )
}
