/**
 * From the hub's answers to what the pages show. The hub speaks in its domains' own shapes (a clock is a budget with a
 * ledger, a unit is a path in the tree); pages want a line, a bar, a word. This is the one place that knows both.
 * Total: an answer of an older or newer hub gives a page with gaps, never a broken page.
 */
import type {
  AgentState,
  Call,
  Caller,
  Card,
  Case,
  CaseClass,
  CaseCounts,
  Clock,
  Desk,
  Due,
  FieldSchema,
  HubEvent,
  Me,
  PhoneAccount,
  Queue,
  Rate,
  Seat,
  Unit,
  UnitRef,
  Verb,
} from './types'

type Wire = Record<string, unknown>

const wire = (value: unknown): Wire =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Wire) : {}
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
const str = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined
const num = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined
const time = (value: unknown): number | undefined => {
  const at = Date.parse(String(value ?? ''))
  return Number.isNaN(at) ? undefined : at
}

function unit(value: unknown, id?: unknown): UnitRef | null {
  if (typeof value === 'string') return value ? { id: str(id) ?? '', name: value } : null
  const { id: own, name } = wire(value)
  return str(name) ? { id: str(own) ?? '', name: String(name) } : null
}

// ---- who

/** `GET /me`: the extension stands beside the person, what he may do beside his posts. */
export function readMe(value: unknown): Me {
  const w = wire(value)
  const person = wire(w.person)
  return {
    person: {
      id: str(person.id) ?? '',
      name: str(person.name) ?? '',
      user: str(w.user) ?? str(person.user),
      extension: str(w.extension) ?? str(person.extension),
    },
    posts: list(w.posts) as Me['posts'],
    actions: Array.isArray(w.actions) ? w.actions.map(String) : undefined,
  }
}

export function readPhone(value: unknown): PhoneAccount {
  const w = wire(value)
  const user = str(w.user) ?? str(w.username) ?? ''
  return {
    // The phone *is* the extension; it proves itself by the name of this session.
    uri: str(w.uri) ?? `sip:${str(w.extension) ?? user}@${str(w.realm) ?? 'liandong'}`,
    username: user,
    password: str(w.password) ?? '',
    ws: str(w.websocket) ?? str(w.ws),
  }
}

/** `GET /classes`: groups with their classes, or a flat list that names parents. */
export function readClasses(value: unknown): { items: CaseClass[] } {
  const items = list(wire(value).items)
    .map(wire)
    .flatMap((group) => {
      const code = str(group.code) ?? ''
      const top: CaseClass = {
        code,
        name: str(group.zh) ?? str(group.name) ?? code,
        parent: str(group.parent) ?? null,
      }
      const below = list(group.classes)
        .map(wire)
        .filter((each) => each.retired !== true)
      return [
        top,
        ...below.map((each) => ({
          code: str(each.code) ?? '',
          name: str(each.zh) ?? str(each.name) ?? '',
          parent: code,
          leaf: true,
        })),
      ]
    })
  return { items }
}

export function readUnits(value: unknown): Unit[] {
  return list(wire(value).items)
    .map(wire)
    .map((each) => ({
      id: str(each.id) ?? '',
      name: str(each.name) ?? '',
      kind: str(each.kind) ?? '',
      parent_id: str(each.parent_id) ?? str(each.parent),
      code: str(each.gov_code) ?? str(each.code),
    }))
}

// ---- cases

export function readCase(value: unknown, now = Date.now()): Case {
  const w = wire(value)
  const results = list(w.results)
    .map(wire)
    .filter((each) => each.co !== true)
  const result = results.at(-1)
  const revisit = list(w.revisits).map(wire).at(-1)
  const clocks = list(w.clocks)
    .map((each) => readClock(each, now))
    .filter((each) => each !== null)
  const card = (str(w.card) ?? 'none') as Card
  return {
    ...(w as unknown as Case),
    class_name: str(w.class_name) ?? str(w.class_zh) ?? str(w.class_code) ?? '',
    urgency: (str(w.urgency) ?? 'normal') as Case['urgency'],
    narrative: str(w.narrative) ?? '',
    card,
    overlays: list(w.overlays).map(String),
    round: num(w.round) ?? 1,
    returns: num(w.returns) ?? 0,
    step: num(w.step) ?? 1,
    place: readPlace(w),
    requester: readRequester(w.requester),
    lead_unit: unit(w.lead_unit, w.lead_unit_id),
    co_units: readCoUnits(w),
    collected_at: str(w.collected_at) ?? str(w.reported_at) ?? str(w.updated_at) ?? '',
    result_code: str(w.result_code) ?? str(result?.code),
    answer_text: str(w.answer_text) ?? str(result?.answer),
    satisfied_process: num(w.satisfied_process) ?? num(revisit?.satisfied_process),
    satisfied_result: num(w.satisfied_result) ?? num(revisit?.satisfied_result),
    solved_by_citizen: str(w.solved_by_citizen) ?? str(revisit?.solved),
    clocks: clocks.length > 0 ? clocks : lineClock(w, card),
    calendar:
      str(w.calendar) ??
      list(w.clocks)
        .map((each) => str(wire(each).calendar))
        .find(Boolean),
    verbs: list(w.verbs).map(readVerb),
    links: list(w.links).map(readLink),
    proposal: readProposal(w.proposal),
  }
}

function readPlace(w: Wire): Case['place'] {
  const place = { ...wire(w.location), ...wire(w.place) }
  const area = wire(w.area)
  const areaName = str(wire(area.unit).name)
  const grid = wire(place.grid)
  const known = str(grid.name) ?? areaName
  return {
    text: str(w.place) ?? str(place.text) ?? '',
    lon: num(place.lon),
    lat: num(place.lat),
    grid: known ? { name: known, leader: str(grid.leader) } : null,
    grid_id: str(area.grid),
  }
}

export function readRequester(value: unknown): Case['requester'] {
  const w = wire(value)
  return {
    name: str(w.name),
    phone: str(w.phone),
    tags: list(w.tags).map(String),
    whole: w.whole === true,
    may_unmask: w.may_unmask === true,
    query_code: w.query_code ? str(w.query_code) : null,
  }
}

function readCoUnits(w: Wire): UnitRef[] {
  const named = list(w.co_units).map((each) => unit(each))
  const items = list(w.work_items)
    .map(wire)
    .filter((each) => each.kind === 'co_handle' && each.state !== 'withdrawn')
  return [...named, ...items.map((each) => unit(each.unit))].filter((each) => each !== null)
}

function readProposal(value: unknown): Case['proposal'] {
  const proposed = unit(wire(value).unit)
  return proposed ? { unit: proposed, reason: str(wire(value).reason) ?? '' } : null
}

function readLink(value: unknown): NonNullable<Case['links']>[number] {
  const w = wire(value)
  return {
    kind: str(w.kind) ?? str(w.relation) ?? 'same_matter',
    case_id: str(w.case_id) ?? '',
    public_no: str(w.public_no) ?? '',
    title: str(w.title) ?? '',
    channel: str(w.channel) ?? '',
    state: str(w.state) ?? str(w.node),
  }
}

function readVerb(value: unknown): Verb {
  const w = wire(value)
  const verb = str(w.verb) ?? ''
  // An offer without a schema is a verb without a body.
  return {
    verb,
    title: str(w.title) ?? str(w.zh),
    schema: wire(w.schema) as Verb['schema'],
    danger: w.danger === true || verb === 'void' || undefined,
  }
}

/** A line of a list names only the clock that is due first. */
function lineClock(w: Wire, card: Card): Clock[] {
  const due_at = str(w.due_at)
  if (!due_at) return []
  return [{ kind: str(w.due_kind) ?? 'settle', state: 'running', budget_ms: 0, used_ms: 0, due_at, card }]
}

const UNIT_MS: Record<string, number> = {
  minutes: 60_000,
  hours: 3_600_000,
  working_minutes: 60_000,
  working_days: 86_400_000,
  natural_days: 86_400_000,
}
/** From this share of its time on a clock is shown in yellow. */
const YELLOW_FROM = 0.8

/** `null` for a clock that was cancelled: it limits nothing. */
export function readClock(value: unknown, now: number): Clock | null {
  const w = wire(value)
  if (!Array.isArray(w.segments)) return w.kind ? (w as unknown as Clock) : null
  if (w.outcome === 'cancelled') return null
  const segments = list(w.segments).map(wire)
  const begun = time(segments[0]?.from)
  const ended = time(w.ended_at)
  const due = time(w.due_at)
  const last = segments.at(-1)
  const used = ranFor(segments, ended ?? now)
  const running = ended === undefined && last?.run !== false
  const state =
    ended !== undefined ? (w.outcome === 'late' ? 'missed' : 'met') : running ? 'running' : 'paused'
  const budget = readBudget(w.budget)
  const whole = due !== undefined && begun !== undefined ? due - begun : budget.ms
  const share = whole > 0 ? Math.min(1, used / whole) : 0
  return {
    kind: str(w.kind) ?? '',
    state,
    budget_ms: whole > 0 ? whole : budget.ms,
    used_ms: used,
    due_at: str(w.due_at),
    started_at: str(segments[0]?.from),
    stopped_at: str(w.ended_at),
    card:
      state !== 'running'
        ? 'none'
        : due !== undefined && due < now
          ? 'red'
          : share >= YELLOW_FROM
            ? 'yellow'
            : 'none',
    provisional: w.provisional === true,
    budget: budget.asked,
    budget_unit: budget.unit,
    budget_amount: budget.amount,
    pause_reason: running ? undefined : str(last?.reason),
  }
}

/** Time that ran, by the wall clock: for the bar; what is left the hub's `due_at` says. */
function ranFor(segments: Wire[], until: number): number {
  return segments.reduce((sum, each) => {
    const from = time(each.from)
    if (each.run === false || from === undefined) return sum
    return sum + Math.max(0, Math.min(time(each.to) ?? until, until) - from)
  }, 0)
}

function readBudget(value: unknown) {
  const w = wire(value)
  const amount = num(w.amount) ?? 0
  const unitName = str(w.unit) ?? 'minutes'
  const asked =
    unitName === 'working_days'
      ? { days: amount }
      : unitName === 'hours'
        ? { minutes: amount * 60 }
        : unitName.endsWith('minutes')
          ? { minutes: amount }
          : undefined
  return { amount, unit: unitName, asked, ms: amount * (UNIT_MS[unitName] ?? 60_000) }
}

/** The log's events; the document says of them only that they are objects. */
export function readTimeline(value: unknown): { items: HubEvent[] } {
  return { items: list(wire(value).items) as HubEvent[] }
}

export function readCounts(value: unknown): CaseCounts {
  const w = wire(value)
  return ('boxes' in w ? wire(w.boxes) : w) as CaseCounts
}

export function readDue(value: unknown): Due {
  const w = wire(value)
  return {
    due_at: str(w.due_at) ?? '',
    provisional: w.provisional === true,
    steps: list(w.steps)
      .map(wire)
      .map((step) => ({
        date: str(step.date) ?? '',
        kind: str(step.kind) ?? (num(step.counted) === 0 ? 'weekend' : 'workday'),
        text: str(step.text) ?? '',
      })),
  }
}

/** An earlier call as a line of the history; its words are the page's. */
function spokenBefore(call: Call): Caller['history'][number] {
  return { at: call.started_at, kind: 'call', title: '', call, call_id: call.id }
}

export function readCaller(value: unknown): Caller {
  const w = wire(value)
  const closed = list(w.closed).map((each) => readCase(each))
  return {
    ...(w as unknown as Caller),
    calls_year: num(w.calls_year) ?? 0,
    open_cases: list(w.open_cases ?? w.open).map((each) => readCase(each)),
    history: w.history
      ? (list(w.history) as Caller['history'])
      : [
          ...closed.map((one) => ({
            at: one.closed_at ?? one.updated_at,
            kind: 'case' as const,
            title: one.title,
            detail: one.class_name,
            case_id: one.id,
          })),
          ...list(w.calls).map((each) => spokenBefore(readCall(each))),
        ].sort((a, b) => Date.parse(b.at) - Date.parse(a.at)),
  }
}

// ---- calls

/** The queue machine's words for what an agent does, in the six that are shown. */
const STATE_OF: Record<string, AgentState> = {
  wrap_up: 'after_call',
  ringing: 'reserved',
  hold: 'talking',
  held: 'talking',
}

export function readAgentState(value: unknown): AgentState {
  const name = str(value) ?? str(wire(value).state) ?? 'offline'
  return STATE_OF[name] ?? (name as AgentState)
}

export function readReason(value: unknown): string | null {
  return str(value) ?? str(wire(value).text) ?? str(wire(value).code) ?? null
}

/** The hub names the case of a call by its number alone. */
export function readCall(value: unknown): Call {
  const w = wire(value)
  const about = wire(w.case)
  const id = str(about.id)
  return {
    ...(w as unknown as Call),
    case: id ? { id, public_no: str(about.public_no) ?? '', title: str(about.title) ?? '' } : null,
  }
}

export function readDesk(value: unknown): Desk {
  const w = wire(value)
  const next = w.next_state ?? w.next
  const reasons = list(w.reasons) as Desk['reasons']
  const named = (code: string | null) => reasons.find((each) => each.code === code)?.name ?? code
  return {
    ...(w as unknown as Desk),
    extension: str(w.extension) ?? '',
    state: readAgentState(w.state),
    reason: named(readReason(w.reason)),
    since: str(w.since) ?? new Date(Date.now() - (num(w.for_ms) ?? 0)).toISOString(),
    next_state: next ? { state: readAgentState(next), reason: named(readReason(wire(next).reason)) } : null,
    reasons,
    wrap_up_codes: list(w.wrap_up_codes) as Desk['wrap_up_codes'],
    auto_answer: w.auto_answer === true,
    today: { calls: num(wire(w.today).calls) ?? 0, average_ms: num(wire(w.today).average_ms) ?? 0 },
    call: w.call ? readCall(w.call) : null,
    callbacks: list(w.callbacks) as Desk['callbacks'],
    changed: list(w.changed).map((each) => readCase(each)),
  }
}

/** `GET /queues`: a list of queues, or the queue machine's snapshot with the agents beside the queues. */
export function readQueues(value: unknown, now = Date.now()): { items: Queue[] } {
  const w = wire(value)
  const agents = list(w.agents).map(wire)
  return { items: list(w.items ?? w.queues).map((each) => readQueue(wire(each), agents, now)) }
}

function readQueue(w: Wire, agents: Wire[], now: number): Queue {
  const id = str(w.id) ?? str(w.queue) ?? ''
  const seats = Array.isArray(w.seats)
    ? list(w.seats)
        .map(wire)
        .map((each) => readSeat(each, now))
    : agents.filter((each) => list(each.queues).includes(id)).map((each) => readSeat(each, now))
  const figures = list(w.figures).map(wire)
  const today = wire(w.today)
  const answered = figure(figures, 'connect_rate_15s')
  return {
    id,
    name: str(w.name) ?? str(w.title) ?? id,
    waiting: list(w.waiting)
      .map(wire)
      .map((each, i) => ({
        call_id: str(each.call_id) ?? str(each.call) ?? String(i),
        number: str(each.number) ?? '',
        since: str(each.since) ?? new Date(now - (num(each.waited_ms) ?? 0)).toISOString(),
        place: num(each.place) ?? i + 1,
        area: str(each.area),
      })),
    agents: countStates(seats, w.agents),
    seats,
    service_level: {
      within_s: num(wire(w.service_level).within_s) ?? 15,
      ...(w.service_level ? (w.service_level as Rate) : answered),
    },
    connect_rate: w.connect_rate ? (w.connect_rate as Rate) : figure(figures, 'connect_rate'),
    today: {
      offered: num(today.offered) ?? answered.denominator,
      answered: num(today.answered) ?? figure(figures, 'connect_rate').numerator,
      abandoned: num(today.abandoned) ?? figure(figures, 'abandon_rate').numerator,
      average_wait_ms:
        num(today.average_wait_ms) ?? (figure(figures, 'average_speed_of_answer').value ?? 0) * 1000,
      average_talk_ms: num(today.average_talk_ms) ?? 0,
    },
    trend: list(w.trend) as Queue['trend'],
    topics: list(w.topics) as Queue['topics'],
  }
}

function readSeat(w: Wire, now: number): Seat {
  return {
    agent_id: str(w.agent_id) ?? str(w.agent) ?? '',
    name: str(w.name) ?? '',
    extension: str(w.extension) ?? '',
    state: readAgentState(w.state),
    reason: readReason(w.reason),
    since: str(w.since) ?? new Date(now - (num(w.for_ms) ?? 0)).toISOString(),
  }
}

const STATES: AgentState[] = ['offline', 'not_ready', 'ready', 'reserved', 'talking', 'after_call']

function countStates(seats: Seat[], told: unknown): Record<AgentState, number> {
  const given = wire(told)
  return Object.fromEntries(
    STATES.map((state) => [state, num(given[state]) ?? seats.filter((seat) => seat.state === state).length]),
  ) as Record<AgentState, number>
}

function figure(figures: Wire[], name: string): Rate {
  const found = figures.find((each) => each.name === name) ?? {}
  return {
    value: num(found.value) ?? null,
    numerator: num(found.counted) ?? 0,
    denominator: num(found.over) ?? 0,
    definition: str(found.definition) ?? '',
  }
}

/** The schema a reference points to, within the same document. */
export function resolveSchema(field: FieldSchema, root: Verb['schema']): FieldSchema {
  const name = /^#\/\$defs\/(.+)$/.exec(field.$ref ?? '')?.[1]
  const found = name ? root.$defs?.[name] : undefined
  return found ? { ...found, ...field, $ref: undefined } : field
}
