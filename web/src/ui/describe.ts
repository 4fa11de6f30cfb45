/** An event of the log as words: one place, used by every timeline. Unknown kinds show what they carry. */
import type { HubEvent } from '../api/types'
import type { Text } from '../i18n'
import { duration, phoneNumber } from './format'

export type EventGroup = 'call' | 'message' | 'meeting' | 'order' | 'step'
export type EventTone = 'neutral' | 'primary' | 'good' | 'warn' | 'danger' | 'hold'

export interface Described {
  group: EventGroup
  title: string
  tone: EventTone
  /** Short facts beside the title. */
  facts: string[]
  /** The main words, in full. */
  text?: string
  /** Somebody's own words. */
  quote?: string
  /** A tag beside the title. */
  tag?: { text: string; tone: 'good' | 'danger' | 'neutral' | 'warn' }
  /** The call whose recording belongs here. */
  recordingOf?: string
}

type Say = Pick<Text, 'raw' | 'code'>

export function describe(event: HubEvent, say: Say): Described {
  const [domain = '', kind = ''] = event.kind.split('.')
  const make = BY_DOMAIN[domain] ?? step
  return make(event, kind, say)
}

const BY_DOMAIN: Record<string, (event: HubEvent, kind: string, say: Say) => Described> = {
  call: callEvent,
  recording: callEvent,
  message: messageEvent,
  meeting: meetingEvent,
  order: orderEvent,
  clock: clockEvent,
}

const text = (event: HubEvent, name: string): string | undefined => {
  const value = event.body[name]
  if (typeof value === 'string') return value || undefined
  return typeof value === 'number' ? String(value) : undefined
}
const number = (event: HubEvent, name: string): number | undefined => {
  const value = event.body[name]
  return typeof value === 'number' ? value : undefined
}
const texts = (event: HubEvent, name: string): string[] => {
  const value = event.body[name]
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : []
}

export function actorName(event: HubEvent): string | undefined {
  return typeof event.actor === 'string' ? undefined : (event.actor?.name ?? undefined)
}

function orgName(event: HubEvent): string | undefined {
  return typeof event.org === 'string' ? undefined : (event.org?.name ?? undefined)
}

function titleOf(event: HubEvent, domain: string, kind: string, { raw }: Say): string {
  const words = { unit: text(event, 'unit') ?? orgName(event) ?? '', no: text(event, 'no') ?? '' }
  return raw(`event.${domain}.${kind}`, { ...words, defaultValue: event.kind }).trim()
}

const present = (list: (string | undefined | false | null)[]): string[] =>
  list.filter((each): each is string => Boolean(each))

function callEvent(event: HubEvent, kind: string, say: Say): Described {
  const { raw } = say
  const out = text(event, 'direction') === 'out'
  const domain = event.kind.startsWith('recording') ? 'recording' : 'call'
  const wait = number(event, 'wait_ms')
  const talk = number(event, 'talk_ms')
  const from = text(event, 'from')
  return {
    group: 'call',
    title: titleOf(
      event,
      domain,
      out && (kind === 'answered' || kind === 'ended') ? `${kind}_out` : kind,
      say,
    ),
    tone: kind === 'answered' ? 'primary' : kind === 'abandoned' ? 'danger' : 'neutral',
    facts: present([
      present([text(event, 'name'), from && phoneNumber(from)]).join(' '),
      actorName(event),
      wait !== undefined && raw('event.say.wait', { t: duration(wait, raw) }),
      talk !== undefined && raw('event.say.talk', { t: duration(talk, raw) }),
      event.body.masked === true && raw('event.say.masked'),
    ]),
    recordingOf: event.body.recording ? (text(event, 'call_id') ?? event.subject) : undefined,
  }
}

const MESSAGE_TONE: Record<string, EventTone> = {
  failed: 'danger',
  expired: 'danger',
  unknown: 'warn',
  received: 'primary',
}

function messageEvent(event: HubEvent, kind: string, say: Say): Described {
  const { raw } = say
  const to = text(event, 'to')
  const from = text(event, 'from')
  const incoming = kind === 'received'
  return {
    group: 'message',
    title: titleOf(event, 'message', kind, say),
    tone: MESSAGE_TONE[kind] ?? 'neutral',
    facts: present([
      actorName(event),
      to && raw('event.say.to', { to: phoneNumber(to) }),
      from && raw('event.say.from', { from: phoneNumber(from) }),
    ]),
    quote: incoming ? text(event, 'text') : undefined,
    text: incoming ? text(event, 'error') : (text(event, 'text') ?? text(event, 'error')),
  }
}

function meetingEvent(event: HubEvent, kind: string, say: Say): Described {
  const { raw } = say
  const lasted = number(event, 'duration_ms')
  const decisions = texts(event, 'decisions')
  return {
    group: 'meeting',
    title: present([titleOf(event, 'meeting', kind, say), text(event, 'title')]).join(' · '),
    tone: 'hold',
    facts: present([
      text(event, 'name') ?? actorName(event),
      texts(event, 'units').join('、'),
      lasted !== undefined && raw('event.say.lasted', { t: duration(lasted, raw) }),
    ]),
    text:
      decisions.length > 0
        ? raw('event.say.decisions', { n: decisions.length, list: decisions.join('；') })
        : undefined,
  }
}

const ORDER_TONE: Record<string, EventTone> = {
  on_site: 'good',
  done: 'good',
  declined: 'danger',
  escalated: 'danger',
  expired: 'danger',
  created: 'warn',
  issued: 'warn',
}

function orderEvent(event: HubEvent, kind: string, say: Say): Described {
  const metres = number(event, 'distance_m')
  return {
    group: 'order',
    title: present([titleOf(event, 'order', kind, say), text(event, 'unit')]).join(' · '),
    tone: ORDER_TONE[kind] ?? 'neutral',
    facts: present([
      actorName(event) !== text(event, 'unit') && actorName(event),
      metres !== undefined && say.raw('event.say.distance', { km: (metres / 1000).toFixed(1) }),
    ]),
    text: text(event, 'text') ?? text(event, 'reason'),
  }
}

function clockEvent(event: HubEvent, kind: string, say: Say): Described {
  return {
    group: 'step',
    title: present([
      say.code('clock', text(event, 'clock') ?? text(event, 'kind')),
      titleOf(event, 'clock', kind, say),
    ]).join(' · '),
    tone: kind === 'overdue' ? 'danger' : kind === 'due_soon' ? 'warn' : 'neutral',
    facts: present([text(event, 'reason')]),
  }
}

const STEP_TONE: Record<string, EventTone> = {
  captured: 'primary',
  accepted: 'primary',
  assigned: 'warn',
  reassigned: 'warn',
  transferred: 'warn',
  return_requested: 'danger',
  check_failed: 'danger',
  refused: 'danger',
  urged: 'danger',
  supervised: 'danger',
  fed_back: 'primary',
  checked: 'good',
  check_passed: 'good',
  closed: 'good',
  answered: 'good',
  revisited: 'primary',
}

function step(event: HubEvent, kind: string, say: Say): Described {
  const { raw, code } = say
  const limit = (event.body.limits as { sign?: unknown } | undefined)?.sign
  const co = texts(event, 'co_units')
  const result = text(event, 'result_code')
  const days = number(event, 'days')
  const process = number(event, 'satisfied_process')
  const outcome = number(event, 'satisfied_result')
  return {
    group: 'step',
    title: titleOf(event, 'case', kind, say),
    tone: STEP_TONE[kind] ?? 'neutral',
    facts: present([
      actorName(event),
      kind !== 'assigned' && kind !== 'fed_back' && orgName(event),
      text(event, 'by') === 'sms' && raw('event.say.by_sms'),
      typeof limit === 'number' && raw('event.say.limit_sign', { n: limit }),
      co.length > 0 && raw('event.say.co', { names: co.join('、') }),
      days !== undefined && raw('event.say.days', { n: days }),
      process !== undefined &&
        raw('event.say.satisfied', { p: code('score', process), r: code('score', outcome ?? '') }),
    ]),
    text: text(event, 'answer_text') ?? text(event, 'reason') ?? text(event, 'text') ?? text(event, 'note'),
    quote: text(event, 'original'),
    tag: stepTag(event, result, say),
  }
}

function stepTag(event: HubEvent, result: string | undefined, { raw, code }: Say): Described['tag'] {
  if (result) return { text: code('result', result), tone: result === 'resolved' ? 'good' : 'neutral' }
  const solved = text(event, 'solved')
  if (solved)
    return {
      text: code('solved', solved),
      tone: solved === 'yes' ? 'good' : solved === 'no' ? 'danger' : 'neutral',
    }
  if (typeof event.body.passed === 'boolean')
    return event.body.passed
      ? { text: raw('event.say.passed'), tone: 'good' }
      : { text: raw('event.say.failed'), tone: 'danger' }
  return undefined
}
