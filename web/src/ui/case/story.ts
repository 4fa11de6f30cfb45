/**
 * A matter told as a person would tell it: the events of one message, order, meeting or call become one entry with its
 * course and its outcome; a step of the case stays one entry. Pure. The log's own order, event by event, is kept beside it.
 */
import type { HubEvent } from '../../api/types'
import type { Text } from '../../i18n'
import { type Described, describe } from '../describe'

export interface Entry {
  key: string
  /** Where it stands on the timeline. */
  at: string
  /** Its end, where it lasted. */
  until?: string
  told: Described
  /** What was reached when: the course of an order. */
  course?: { at: string; text: string }[]
}

type Say = Pick<Text, 'raw' | 'code'>

/** One entry for each event, in the log's order. */
export function eventByEvent(events: HubEvent[], say: Say): Entry[] {
  return events.map((event) => ({
    key: `${event.site}/${event.seq}`,
    at: event.at,
    told: describe(event, say),
  }))
}

/** One entry for each thing that happened, in the order of the times at which they stand. */
export function story(events: HubEvent[], say: Say): Entry[] {
  const strands = new Map<string, HubEvent[]>()
  for (const event of events) {
    const key = FOLDS[domainOf(event)] ? event.subject : `${event.site}/${event.seq}`
    strands.set(key, [...(strands.get(key) ?? []), event])
  }
  return [...strands]
    .map(([key, strand]) => fold(key, strand, say))
    .sort((a, b) => Date.parse(a.at) - Date.parse(b.at))
}

type Strand = [HubEvent, ...HubEvent[]]

function fold(key: string, strand: HubEvent[], say: Say): Entry {
  const [first, ...rest] = strand
  if (!first) throw new Error('a strand has at least one event')
  const make = FOLDS[domainOf(first)]
  const whole = make?.([first, ...rest], say) ?? { at: first.at, told: describe(first, say) }
  return { key, ...whole }
}

const domainOf = (event: HubEvent) => event.kind.split('.')[0] ?? ''
const kindOf = (event: HubEvent) => event.kind.split('.')[1] ?? ''
const find = (strand: HubEvent[], ...kinds: string[]) =>
  kinds.map((kind) => strand.find((event) => kindOf(event) === kind)).find((event) => event !== undefined)

const FOLDS: Record<string, (strand: Strand, say: Say) => Omit<Entry, 'key'>> = {
  message: messageEntry,
  order: orderEntry,
  meeting: meetingEntry,
  call: callEntry,
  recording: callEntry,
}

const MESSAGE_TAG: Record<string, 'good' | 'danger' | 'warn' | 'neutral'> = {
  delivered: 'good',
  failed: 'danger',
  expired: 'danger',
  unknown: 'warn',
}

function messageEntry(strand: Strand, say: Say): Omit<Entry, 'key'> {
  const head = find(strand, 'queued', 'received') ?? strand[0]
  const told = describe(head, say)
  if (kindOf(head) === 'received') return { at: head.at, told }
  const last = strand.at(-1) ?? head
  const state = kindOf(last)
  const why = describe(last, say)
  return {
    at: head.at,
    told: {
      ...told,
      title: say.raw('event.message.to_whom'),
      tone: why.tone,
      tag: {
        text: say.raw(`sms.state.${state}`, { defaultValue: state }),
        tone: MESSAGE_TAG[state] ?? 'neutral',
      },
      text: [told.text, last !== head && why.text].filter(Boolean).join('　') || undefined,
    },
  }
}

/** What of an order's events belongs to its course; that the first on the ladder was alerted says the order itself. */
const ORDER_COURSE = new Set([
  'given',
  'accepted',
  'en_route',
  'on_site',
  'done',
  'declined',
  'cancelled',
  'unanswered',
  'expired',
  'escalated',
])
const ORDER_TAG: Record<string, 'good' | 'danger' | 'warn' | 'neutral'> = {
  given: 'warn',
  on_site: 'good',
  done: 'good',
  declined: 'danger',
  cancelled: 'neutral',
}

function orderEntry(strand: Strand, say: Say): Omit<Entry, 'key'> {
  const head = find(strand, 'given', 'created', 'issued') ?? strand[0]
  const told = describe(head, say)
  const course = strand.flatMap((event) => orderStep(event, say))
  const reached = strand.filter((event) => kindOf(event) in ORDER_TAG || ORDER_COURSE.has(kindOf(event)))
  const last = reached.at(-1) ?? head
  const state = kindOf(last)
  const exhausted = strand.some((event) => event.body.exhausted === true) && state === 'given'
  return {
    at: course.at(-1)?.at ?? head.at,
    course,
    told: {
      ...told,
      tone: exhausted ? 'danger' : last === head ? told.tone : describe(last, say).tone,
      tag: {
        text: exhausted
          ? say.raw('event.say.exhausted')
          : say.raw(`dispatch.order_state.${state}`, { defaultValue: state }),
        tone: exhausted ? 'danger' : (ORDER_TAG[state] ?? 'neutral'),
      },
      text: [told.text, last !== head && describe(last, say).text].filter(Boolean).join('　→　') || undefined,
    },
  }
}

function orderStep(event: HubEvent, { raw }: Say): { at: string; text: string }[] {
  const kind = kindOf(event)
  const step = typeof event.body.step === 'number' ? event.body.step : 1
  if (kind === 'alerted' && step > 1)
    return [{ at: event.at, text: raw('event.course.alerted', { name: String(event.body.name ?? '') }) }]
  return ORDER_COURSE.has(kind)
    ? [{ at: event.at, text: raw(`event.course.${kind}`, { defaultValue: kind }) }]
    : []
}

function meetingEntry(strand: Strand, say: Say): Omit<Entry, 'key'> {
  const head = find(strand, 'created') ?? strand[0]
  const started = find(strand, 'started')
  const ended = find(strand, 'ended')
  const told = describe(head, say)
  const said = (event: HubEvent, name: string) => {
    const value = event.body[name]
    return typeof value === 'string' ? value : undefined
  }
  const names = (kind: string, name: string) => [
    ...new Set(
      strand
        .filter((event) => kindOf(event) === kind)
        .map((event) => said(event, name) ?? '')
        .filter(Boolean),
    ),
  ]
  const came = names('joined', 'name')
  const asked = names('invited', 'unit_name')
  const state = ended ? 'ended' : started ? 'running' : 'called'
  return {
    at: started?.at ?? head.at,
    until: ended && started ? ended.at : undefined,
    told: {
      ...told,
      title: [say.raw('event.meeting.of'), said(head, 'title')].filter(Boolean).join(' · '),
      tag: {
        text: say.raw(`meetings.state.${state}`),
        tone: state === 'called' ? 'warn' : state === 'running' ? 'good' : 'neutral',
      },
      facts: [
        ...told.facts,
        ...(asked.length > 0 ? [say.raw('event.say.invited', { names: asked.join('、') })] : []),
        ...(came.length > 0 ? [say.raw('event.say.came', { names: came.join('、') })] : []),
      ],
      text: ended ? describe(ended, say).text : undefined,
    },
  }
}

/** What says most about a call, the first that there is. */
const CALL_HEADS = ['answered', 'abandoned', 'dialed', 'offered']

function callEntry(strand: Strand, say: Say): Omit<Entry, 'key'> {
  const head = find(strand, ...CALL_HEADS) ?? strand[0]
  const ended = find(strand, 'ended')
  const parts = strand.map((event) => describe(event, say))
  const told = describe(head, say)
  const facts = [...told.facts, ...(ended && ended !== head ? describe(ended, say).facts : [])]
  return {
    at: head.at,
    until: ended && ended !== head ? ended.at : undefined,
    told: {
      ...told,
      facts: [...new Set(facts)],
      recordingOf: parts.map((part) => part.recordingOf).find(Boolean),
    },
  }
}
