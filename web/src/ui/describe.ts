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

/** A text of the body; a unit by its name; a personal text also in its marked form; erased ones are absent. */
const text = (event: HubEvent, name: string): string | undefined => words(event.body[name])

function words(value: unknown): string | undefined {
  if (typeof value === 'string') return value || undefined
  if (typeof value === 'number') return String(value)
  if (typeof value !== 'object' || value === null || '$sealed' in value) return undefined
  const { name, text: marked } = value as { name?: unknown; text?: unknown }
  if (typeof name === 'string') return name || undefined
  return typeof marked === 'string' ? marked || undefined : undefined
}
const number = (event: HubEvent, name: string): number | undefined => {
  const value = event.body[name]
  return typeof value === 'number' ? value : undefined
}
const texts = (event: HubEvent, name: string): string[] => {
  const value = event.body[name]
  return Array.isArray(value) ? value.map(words).filter((each) => each !== undefined) : []
}

/** The name shown for who did it; parts of the hub act without one. */
export function actorName(event: HubEvent): string | undefined {
  return event.actor?.kind === 'system' ? undefined : event.actor?.name || undefined
}

function titleOf(event: HubEvent, domain: string, kind: string, { raw }: Say): string {
  const words = { unit: text(event, 'unit') ?? '', no: text(event, 'no') ?? '' }
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
    recordingOf:
      event.kind === 'call.recorded' || event.body.recording
        ? (text(event, 'call_id') ?? event.subject)
        : undefined,
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
  const taken = text(event, 'taken_as')
  const incoming = kind === 'received'
  return {
    group: 'message',
    title: titleOf(event, 'message', kind, say),
    tone: MESSAGE_TONE[kind] ?? 'neutral',
    facts: present([
      text(event, 'receiver') ?? actorName(event),
      to && raw('event.say.to', { to: phoneNumber(to) }),
      from && raw('event.say.from', { from: phoneNumber(from) }),
      taken && raw(`event.taken.${taken}`, { defaultValue: taken }),
    ]),
    quote: incoming ? text(event, 'text') : undefined,
    text: incoming ? undefined : (text(event, 'text') ?? text(event, 'reason')),
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
  unanswered: 'warn',
  given: 'warn',
  escalated: 'danger',
  expired: 'danger',
  created: 'warn',
  issued: 'warn',
}

function orderEvent(event: HubEvent, kind: string, say: Say): Described {
  const metres = number(event, 'distance_m')
  const who = text(event, 'responder_name') ?? text(event, 'unit') ?? text(event, 'name')
  const by = text(event, 'by') ?? actorName(event)
  return {
    group: 'order',
    title: present([titleOf(event, 'order', kind, say), who]).join(' · '),
    tone: event.body.exhausted === true ? 'danger' : (ORDER_TONE[kind] ?? 'neutral'),
    facts: present([
      by !== who && by,
      metres !== undefined && say.raw('event.say.distance', { km: (metres / 1000).toFixed(1) }),
      event.body.exhausted === true && say.raw('event.say.exhausted'),
    ]),
    text:
      text(event, 'result') ??
      text(event, 'reason') ??
      (kind === 'alerted' ? undefined : text(event, 'text')),
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
    tone:
      kind === 'rung_reached'
        ? (number(event, 'percent') ?? 0) >= 100
          ? 'danger'
          : 'warn'
        : (STEP_TONE[kind] ?? 'neutral'),
    facts: present([
      actorName(event),
      kind === 'signed' && text(event, 'unit'),
      (text(event, 'via') === 'sms' || text(event, 'by') === 'sms') && raw('event.say.by_sms'),
      typeof limit === 'number' && raw('event.say.limit_sign', { n: limit }),
      co.length > 0 && raw('event.say.co', { names: co.join('、') }),
      days !== undefined && raw('event.say.days', { n: days }),
      text(event, 'right_unit') && raw('event.say.right_unit', { unit: text(event, 'right_unit') ?? '' }),
      event.body.by_citizen === true && raw('event.say.by_citizen'),
      text(event, 'limit') && code('clock', text(event, 'limit')),
      number(event, 'percent') !== undefined &&
        raw('event.say.percent', { n: number(event, 'percent') ?? 0 }),
      process !== undefined &&
        raw('event.say.satisfied', { p: code('score', process), r: code('score', outcome ?? '') }),
    ]),
    text:
      present([
        text(event, 'answer_text') ??
          text(event, 'reason') ??
          text(event, 'text') ??
          text(event, 'note') ??
          text(event, 'new_title'),
        text(event, 'basis'),
        text(event, 'without_co'),
      ]).join('　') || undefined,
    quote:
      kind === 'captured' ? (text(event, 'original') ?? text(event, 'narrative')) : text(event, 'original'),
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
