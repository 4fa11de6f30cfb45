/**
 * What the pages show. Kept apart from `schema.ts`, which is generated from the hub's API document: `read.ts` turns the
 * one into the other. Times are RFC 3339 with zone, durations milliseconds, ids strings.
 */
export interface Model {
  /** application/problem+json (RFC 9457) with a stable `code`. */
  Problem: {
    type?: string
    title: string
    status: number
    code: string
    detail?: string
    /** Who may do it. */
    who_may?: string
    /** The wrong field, a JSON pointer. */
    field?: string
  }
  SignIn: { user: string; password: string; totp?: string }
  Session: {
    token: string
    person: Model['Person']
    posts: Model['Post'][]
    stage?: string
  }
  Me: {
    person: Model['Person']
    posts: Model['Post'][]
    /** What the person may do under the acting post; absent = not told. */
    actions?: string[]
  }
  Person: {
    id: string
    name: string
    user?: string
    extension?: string | null
    phone?: string | null
    unit?: Model['UnitRef']
  }
  Post: {
    id: string
    title: string
    unit: Model['UnitRef']
    /** What the post may do, as `domain.action`; absent = not told, everything is shown and the hub decides. */
    rights?: (string | { action: string })[]
  }
  UnitRef: { id: string; name: string }
  Unit: {
    id: string
    name: string
    short_name?: string
    kind: string
    parent_id?: string | null
    code?: string | null
  }
  CaseClass: { code: string; name: string; parent?: string | null; leaf?: boolean }

  AgentState: 'offline' | 'not_ready' | 'ready' | 'reserved' | 'talking' | 'after_call'
  Desk: {
    extension: string
    state: Model['AgentState']
    reason?: string | null
    since: string
    /** State taken after the running call ends, when the agent chose it beforehand. */
    next_state?: { state: Model['AgentState']; reason?: string | null } | null
    /** End of after-call work; the hub sets the agent ready then. */
    after_call_until?: string | null
    reasons: { code: string; name: string }[]
    wrap_up_codes: { code: string; name: string }[]
    auto_answer: boolean
    today: { calls: number; average_ms: number }
    /** The running or just ended call of this agent. */
    call?: Model['Call'] | null
    callbacks: Model['Callback'][]
    /** Cases this agent opened that changed since he last looked. */
    changed: Model['Case'][]
  }
  Callback: { id: string; number: string; call_id?: string; due_at: string; why: string }
  /** A short-lived SIP account of this browser session. */
  PhoneAccount: {
    uri: string
    username: string
    password: string
    /** Path or URL of SIP over WebSocket; `/sip` when absent. */
    ws?: string
    expires_at?: string
  }
  Draft: { call_id: string; form: Record<string, unknown>; saved_at: string }

  CallState: 'queued' | 'ringing' | 'talking' | 'held' | 'ended'
  CallResult: 'answered' | 'abandoned' | 'no_answer' | 'informed' | 'left_early' | 'failed'
  CallAction:
    | 'hold'
    | 'resume'
    | 'mute'
    | 'unmute'
    | 'transfer'
    | 'cancel_transfer'
    | 'consult'
    | 'complete'
    | 'cancel_consult'
    | 'conference'
    | 'hang_up'
    | 'dtmf'
    | 'wrap_up'
  Call: {
    id: string
    direction: 'in' | 'out' | 'internal'
    state: Model['CallState']
    from: { number: string; name?: string | null; area?: string | null; verified?: boolean }
    to: { number: string; name?: string | null }
    queue?: { id: string; name: string } | null
    agent?: { id: string; name: string; extension?: string } | null
    started_at: string
    queued_at?: string | null
    answered_at?: string | null
    ended_at?: string | null
    wait_ms?: number | null
    talk_ms?: number | null
    result?: Model['CallResult'] | null
    ended_by?: string | null
    muted?: boolean
    held_since?: string | null
    /** A third party who is asked (`talking`: with the agent, while the other waits) or takes part. */
    third?: { state: 'ringing' | 'talking' | 'together'; name?: string | null } | null
    recording?: { available: boolean; duration_ms?: number } | null
    case?: { id: string; public_no: string; title: string } | null
    wrap_up?: { code: string; name: string; note?: string | null } | null
  }
  CallQuery: {
    scope?: 'all' | 'mine' | 'missed' | 'recorded'
    q?: string
    direction?: 'in' | 'out' | 'internal'
    result?: string
    queue_id?: string
    agent_id?: string
    case_id?: string
    from?: string
    to?: string
    cursor?: string
    limit?: number
  }
  Caller: {
    name?: string | null
    number: string
    area?: string | null
    language?: string | null
    tags?: string[]
    calls_year: number
    satisfied?: { yes: number; of: number } | null
    open_cases: Model['Case'][]
    history: {
      at: string
      kind: 'call' | 'case' | 'sms'
      title: string
      detail?: string
      case_id?: string
      call_id?: string
      /** An earlier call: told in the page's words. */
      call?: Model['Call']
    }[]
  }
  Queue: {
    id: string
    name: string
    unit?: Model['UnitRef']
    waiting: { call_id: string; number: string; since: string; place: number; area?: string | null }[]
    agents: Record<Model['AgentState'], number>
    seats: Model['Seat'][]
    service_level: Model['Rate'] & { within_s: number }
    connect_rate: Model['Rate']
    today: {
      offered: number
      answered: number
      abandoned: number
      average_wait_ms: number
      average_talk_ms: number
    }
    /** Calls per quarter of an hour, today. */
    trend: { at: string; offered: number; answered: number }[]
    /** Classes of the cases opened from calls today, most frequent first. */
    topics: { name: string; count: number }[]
  }
  Seat: {
    agent_id: string
    name: string
    extension: string
    state: Model['AgentState']
    reason?: string | null
    since: string
  }
  /** A figure with the formula it follows. `value` is null when the denominator is 0. */
  Rate: { value: number | null; numerator: number; denominator: number; definition: string }

  Urgency: 'normal' | 'urgent' | 'extra_urgent'
  Card: 'none' | 'green' | 'yellow' | 'red'
  NewCase: {
    channel: string
    nature: string
    class_code: string
    urgency: Model['Urgency']
    title: string
    narrative: string
    demand?: string
    place: { text: string; lon?: number; lat?: number }
    requester: { name?: string; phone?: string }
    call_id?: string
  }
  Case: {
    id: string
    public_no: string
    query_code?: string | null
    version: number
    channel: string
    nature: string
    class_code: string
    class_name: string
    urgency: Model['Urgency']
    title: string
    narrative: string
    demand?: string | null
    node: string
    /** The six steps: 1 采集 … 6 办结. */
    step: number
    round: number
    card: Model['Card']
    overlays: string[]
    place: {
      text: string
      lon?: number | null
      lat?: number | null
      grid?: { name: string; leader?: string | null } | null
      /** The grid that it lies in. */
      grid_id?: string
    }
    requester: {
      name?: string | null
      phone?: string | null
      tags?: string[]
      whole?: boolean
      may_unmask?: boolean
      query_code?: string | null
    }
    lead_unit?: Model['UnitRef'] | null
    co_units: Model['UnitRef'][]
    collected_at: string
    accepted_at?: string | null
    closed_at?: string | null
    updated_at: string
    /** Times at which each step was entered, by step number. */
    step_times?: Record<string, string>
    result_code?: string | null
    answer_text?: string | null
    returns: number
    same_matter?: number
    clocks: Model['Clock'][]
    calendar?: string
    verbs: Model['Verb'][]
    /** Whom the duty list proposes, while the case is to be dispatched. */
    proposal?: { unit: Model['UnitRef']; reason: string } | null
    links?: {
      kind: string
      case_id: string
      public_no: string
      title: string
      channel: string
      state?: string
    }[]
    satisfied_process?: number | null
    satisfied_result?: number | null
    solved_by_citizen?: string | null
  }
  Clock: {
    kind: string
    state: 'idle' | 'running' | 'paused' | 'met' | 'missed'
    budget_ms: number
    used_ms: number
    due_at?: string | null
    started_at?: string | null
    stopped_at?: string | null
    card: Model['Card']
    provisional?: boolean
    /** The limit as the rule states it, for instance `{days: 5}`: lets the console ask why it falls there. */
    budget?: { days?: number; minutes?: number }
    budget_unit?: string
    budget_amount?: number
    pause_reason?: string | null
  }
  /** A verb the asking post may use now, with the JSON schema of its body. */
  Verb: { verb: string; title?: string; schema: Model['BodySchema']; danger?: boolean }
  /** The part of JSON schema the verb forms use. */
  BodySchema: {
    type?: 'object'
    properties?: Record<string, Model['FieldSchema']>
    required?: string[]
    $defs?: Record<string, Model['FieldSchema']>
  }
  FieldSchema: {
    $ref?: string
    properties?: Record<string, Model['FieldSchema']>
    type?: string | string[]
    title?: string
    description?: string
    enum?: (string | number)[]
    /** Names for `enum`, in the same order. */
    'x-enum-names'?: string[]
    format?: string
    maxLength?: number
    minLength?: number
    minimum?: number
    maximum?: number
    default?: unknown
    const?: unknown
    anyOf?: Model['FieldSchema'][]
    oneOf?: Model['FieldSchema'][]
    items?: Model['FieldSchema']
  }
  /** Names and values of the hub's `CaseFilter`: an unknown name is refused there. */
  CaseQuery: {
    /** A working list from the asker's point of view. */
    box?:
      | 'to_dispatch'
      | 'to_sign'
      | 'handling'
      | 'due_soon'
      | 'overdue'
      | 'returned'
      | 'to_check'
      | 'supervision'
      | 'mine'
    q?: string
    node?: string
    step?: number
    urgency?: string
    card?: string
    class_code?: string
    /** Lead unit. */
    unit?: string
    ended?: boolean
    sort?: 'newest' | 'due'
    cursor?: string
    limit?: number
  }
  /** Cases per view of the inbox and of supervision, by view name. */
  CaseCounts: Record<string, number>
  Due: {
    due_at: string
    provisional: boolean
    steps: { date: string; kind: string; minutes?: number; text: string }[]
  }
  Event: {
    site: string
    seq: number
    at: string
    kind: string
    subject: string
    actor?: { kind?: string; person?: string; post?: string; name?: string } | null
    /** Paths of the units it concerns, the owner first. */
    orgs?: string[]
    body: Record<string, unknown>
  }
  /** What a citizen sees of his own case: no names of officials, no other person's data. */
  Tracked: {
    public_no: string
    title: string
    place: string
    received_at: string
    state: 'received' | 'with_unit' | 'handling' | 'please_check' | 'closed' | 'ended'
    unit?: string | null
    promised_at?: string | null
    promise_moved?: string | null
    answer?: string | null
    steps: { at: string; title: string; text?: string }[]
  }
}
