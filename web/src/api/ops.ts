/**
 * What the pages of dispatch, meetings, messages, organisations and operation ask of the hub: shapes,
 * questions with their cache keys, and one sender for commands. Written after `src/http/api/*.rs`.
 */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query'
import { API_BASE, requestHeaders, take } from './client'

/** Rows per page of a list. */
const PAGE_ROWS = 50
/** Shapes of counties change by decree. */
const MAP_STALE_MS = 60 * 60_000

export interface Page<T> {
  items: T[]
  next: string | null
}

type QueryValues = Record<string, string | number | boolean | undefined | null>

function address(path: string, query: QueryValues = {}): string {
  const words = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === null || value === '' ? [] : [[name, String(value)]],
  )
  const tail = new URLSearchParams(words).toString()
  return `${API_BASE}${path}${tail ? `?${tail}` : ''}`
}

async function exchange(method: string, url: string, body?: unknown) {
  const headers: Record<string, string> = { ...requestHeaders(method), Accept: 'application/json' }
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  const init = { method, headers, credentials: 'same-origin' as const }
  const response = await fetch(url, body === undefined ? init : { ...init, body: JSON.stringify(body) })
  const said: unknown = await response.json().catch(() => undefined)
  return response.ok ? { data: said, response } : { error: said, response }
}

/** Asks; the answer's body or an `ApiError`. */
export function ask<T>(path: string, query?: QueryValues): Promise<T> {
  return take(exchange('GET', address(path, query))) as Promise<T>
}

/** Commands; the answer's body or an `ApiError`. */
export function tell<T = unknown>(
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<T> {
  return take(exchange(method, address(path), body)) as Promise<T>
}

const id = encodeURIComponent

/** A list read page by page. */
function pages<T>(queryKey: readonly unknown[], path: string, query: QueryValues = {}) {
  return infiniteQueryOptions({
    queryKey,
    queryFn: ({ pageParam }) => ask<Page<T>>(path, { ...query, limit: PAGE_ROWS, cursor: pageParam }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    placeholderData: keepPreviousData,
  })
}

export interface Place {
  /** Degrees east, CGCS2000. */
  lon: number
  /** Degrees north. */
  lat: number
}

// Dispatch -----------------------------------------------------------------------------------------------------

export const RESPONDER_STATES = ['free', 'assigned', 'en_route', 'on_site', 'off_duty'] as const
export type ResponderState = (typeof RESPONDER_STATES)[number]

export interface Responder {
  id: string
  name: string
  skill: string
  /** Path of its unit. */
  org: string
  state: ResponderState
  place: Place | null
  placed_at: string | null
  /** How long each on the ladder may take to answer. */
  answer_seconds: number
  distance_m: number | null
}

export type OrderState = 'given' | 'accepted' | 'en_route' | 'on_site' | 'done' | 'declined' | 'cancelled'

export interface Order {
  id: string
  case_id: string | null
  text: string
  responder_id: string
  responder: string
  state: OrderState
  place: Place | null
  given_by: string
  given_at: string
  /** Who is alerted, in turn; numbers are masked. */
  ladder: { name: string; role: 'duty' | 'chief'; phone: string }[]
  alerted: number
  exhausted: boolean
  reached: { state: OrderState; at: string }[]
  result: string | null
}

export interface NewOrder {
  case_id?: string
  text: string
  units?: string[]
  near?: Place & { skill?: string }
}

export const respondersQuery = (near?: Place) =>
  queryOptions({
    queryKey: ['responders', near ?? null],
    queryFn: () => ask<Page<Responder>>('/responders', { ...near }),
    placeholderData: keepPreviousData,
  })

export const ordersQuery = (filter: { open?: boolean; case_id?: string }) =>
  pages<Order>(['orders', filter], '/orders', filter)

// Organisations ------------------------------------------------------------------------------------------------

export interface OrgUnit {
  id: string
  parent: string | null
  path: string
  code: string
  kind: 'city' | 'county' | 'township' | 'village' | 'department' | 'company' | (string & {})
  name: string
  gov_code: string | null
  duty_phone: string | null
  place: Place | null
  since: string
  has_children: boolean
}

export interface Geometry {
  type: 'Polygon' | 'MultiPolygon'
  coordinates: number[][][] | number[][][][]
}

export interface Grid {
  id: string
  code: string
  name: string
  kind: string
  unit_id: string
  leader_id: string | null
  area: Geometry
}

export interface OrgUnitWhole extends OrgUnit {
  boundary: Geometry | null
  above: OrgUnit[]
  grids: Grid[]
}

export interface OrgPerson {
  id: string
  name: string
  phone: string | null
  posts: { id: string; title: string; unit_id: string; unit_name: string; stand_in: boolean }[]
}

export interface OrgPost {
  id: string
  unit_id: string
  title: string
  role: string
  chief: boolean
}

/** What lies below a unit; the top without one. */
export const childrenQuery = (parent: string | null) =>
  queryOptions({
    queryKey: ['orgs', 'children', parent],
    queryFn: () => ask<Page<OrgUnit>>('/orgs', { parent }),
    staleTime: 60_000,
  })

export const orgSearchQuery = (q: string) =>
  queryOptions({
    queryKey: ['orgs', 'search', q],
    queryFn: () => ask<Page<OrgUnit>>('/orgs', { q }),
    enabled: q.length > 0,
    placeholderData: keepPreviousData,
  })

export const orgQuery = (unit: string) =>
  queryOptions({
    queryKey: ['orgs', 'one', unit],
    queryFn: () => ask<OrgUnitWhole>(`/orgs/${id(unit)}`),
    staleTime: 60_000,
  })

export const orgHistoryQuery = (unit: string) =>
  queryOptions({
    queryKey: ['orgs', 'history', unit],
    queryFn: () => ask<Page<OrgUnit>>(`/orgs/${id(unit)}/history`),
  })

export const peopleOfQuery = (unit: string | undefined, q?: string) =>
  pages<OrgPerson>(['people', unit ?? null, q ?? ''], '/people', { unit, q })

export const postsOfQuery = (unit: string) =>
  queryOptions({ queryKey: ['people', 'posts', unit], queryFn: () => ask<Page<OrgPost>>('/posts', { unit }) })

/** The area of a unit, as the map draws it. */
export interface AreaShape {
  unit: OrgUnit
  boundary: Geometry | null
}

/** Outlines of what lies directly below the highest unit that has areas: the counties of a city. */
export const areasQuery = queryOptions({
  queryKey: ['orgs', 'areas'],
  queryFn: async (): Promise<AreaShape[]> => {
    const top = (await ask<Page<OrgUnit>>('/orgs')).items
    const below = await Promise.all(
      top.map((unit) => ask<Page<OrgUnit>>('/orgs', { parent: unit.id }).catch(() => ({ items: [] }))),
    )
    const levels = new Set(['county', 'township'])
    const drawn = below.flatMap((page) => page.items).filter((unit) => levels.has(unit.kind))
    return Promise.all((drawn.length > 0 ? drawn : top).map(shapeOf))
  },
  staleTime: MAP_STALE_MS,
})

async function shapeOf(unit: OrgUnit): Promise<AreaShape> {
  const whole = await ask<OrgUnitWhole>(`/orgs/${id(unit.id)}`).catch(() => null)
  return { unit, boundary: whole?.boundary ?? null }
}

/** What lies at a place, and whom the duty list names for a class there. */
export interface Located {
  unit: OrgUnit | null
  county: OrgUnit | null
  grid: Grid | null
  duty: { lead: OrgUnit; co: string[]; duty_id: string } | null
}

export const locateQuery = (place: Place | null, cls: string) =>
  queryOptions({
    queryKey: ['orgs', 'locate', place, cls],
    queryFn: () => ask<Located>('/orgs/locate', { ...place, class: cls }),
    enabled: place !== null,
    staleTime: 60_000,
  })

/** The grids of a unit and all below it. */
export const gridsQuery = (unit: string) =>
  queryOptions({
    queryKey: ['orgs', 'grids', unit],
    queryFn: () => ask<Page<Grid>>(`/orgs/${id(unit)}/grids`),
    staleTime: MAP_STALE_MS,
  })

// Messages -----------------------------------------------------------------------------------------------------

export const MESSAGE_STATES = [
  'queued',
  'submitted',
  'delivered',
  'failed',
  'expired',
  'unknown',
  'received',
] as const

export interface Message {
  id: string
  direction: 'out' | 'in'
  number: string | null
  receiver: string
  text: string | null
  state: (typeof MESSAGE_STATES)[number] | (string & {})
  reason: string | null
  segments: number
  link: string
  ext: string
  template: string | null
  case_id: string | null
  created_at: string
}

export interface SmsLink {
  name: string
  up: boolean
  in_flight: number
  queued: number
  last_error: string | null
}

export const messagesQuery = (filter: { state?: string; link?: string; case_id?: string }) =>
  pages<Message>(['messages', 'list', filter], '/messages', filter)

export const linksQuery = queryOptions({
  queryKey: ['messages', 'links'],
  queryFn: () => ask<{ items: SmsLink[] }>('/sms_links'),
  // The state of a link is not in the log.
  refetchInterval: 5_000,
})

// Accounts and audit -------------------------------------------------------------------------------------------

export interface Account {
  user: string
  person_id: string
  person_name: string
  extension: string | null
  totp: boolean
  must_change: boolean
  disabled_at: string | null
  last_sign_in_at: string | null
  password_set_at: string
  created_at: string
}

export interface OpenSession {
  id: string
  user: string
  address: string | null
  agent: string
  created_at: string
  last_seen_at: string
  expires_at: string
  current: boolean
}

export interface AuditEntry {
  seq: number
  at: string
  kind: string
  subject: string
  actor: string
  person_id: string | null
  body: Record<string, unknown>
}

export const accountsQuery = pages<Account>(['accounts', 'list'], '/accounts')

export const sessionsQuery = (user: string) =>
  queryOptions({
    queryKey: ['accounts', 'sessions', user],
    queryFn: () => ask<{ items: OpenSession[] }>(`/accounts/${id(user)}/sessions`),
    retry: false,
  })

export const auditQuery = (filter: { kind?: string; person?: string }) =>
  pages<AuditEntry>(['audit', filter], '/audit', filter)

// Dead letters -------------------------------------------------------------------------------------------------

export interface DeadLetter {
  id: string
  courier: string
  attempts: number
  created_at: string
  last_error: string | null
}

export const deadLettersQuery = queryOptions({
  queryKey: ['dead_letters'],
  queryFn: () => ask<Page<DeadLetter>>('/dead_letters'),
})

// Plans --------------------------------------------------------------------------------------------------------

export interface PlanFile {
  name: string
  text: string
}

export interface Plan {
  id: string
  title: string
  numbers: string[]
  /** A mermaid drawing. */
  drawing: string
}

export interface Plans {
  items: Plan[]
  version: string
  files: PlanFile[]
}

export interface Diagnostic {
  file: string
  /** From 1; 0 is the file as a whole. */
  line: number
  column: number
  severity: 'warning' | 'error'
  code: string
  reason: string
  hint: string
}

export interface Simulated {
  passed: boolean
  lines: { at: number; call: string; what: string }[]
  failures: string[]
  diagnostics: Diagnostic[]
}

export const plansQuery = queryOptions({ queryKey: ['plans'], queryFn: () => ask<Plans>('/plans') })
export const checkPlans = (files: PlanFile[]) =>
  tell<{ good: boolean; diagnostics: Diagnostic[] }>('POST', '/plans/check', { files })
export const simulatePlans = (files: PlanFile[], scenario: string) =>
  tell<Simulated>('POST', '/plans/simulate', { files, scenario })

// Meetings -----------------------------------------------------------------------------------------------------

export interface Meeting {
  id: string
  room: string
  title: string
  case_id: string | null
  state: 'called' | 'running' | 'ended'
  held_by: string
  invited: { id: string; name: string }[]
  created_at: string
  started_at: string | null
  ended_at: string | null
  /** Who was or is there; empty in lists. */
  participants: { identity: string; name: string; joined_at: string; left_at: string | null }[]
}

/** What a LiveKit client joins with. */
export interface Ticket {
  url: string
  token: string
}

export const meetingsQuery = (filter: { open?: boolean; case_id?: string }) =>
  pages<Meeting>(['meetings', 'list', filter], '/meetings', filter)

export const meetingQuery = (meeting: string) =>
  queryOptions({
    queryKey: ['meetings', 'one', meeting],
    queryFn: () => ask<Meeting>(`/meetings/${id(meeting)}`),
  })

export const createMeeting = (body: { title: string; case_id?: string; invite: string[] }) =>
  tell<Meeting>('POST', '/meetings', body)
export const meetingTicket = (meeting: string) => tell<Ticket>('POST', `/meetings/${id(meeting)}/ticket`, {})
export const endMeeting = (meeting: string) => tell('POST', `/meetings/${id(meeting)}/end`, {})
export const guestTicket = (token: string, name: string) =>
  tell<Ticket>('POST', '/guest_tickets', { token, name })
