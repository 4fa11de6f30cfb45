/**
 * The hub's REST contract as types, in the shape `openapi-typescript` writes.
 *
 * Written by hand after design §9 until `docs/openapi.json` is committed; then `npm run api`
 * writes this file anew and `tsc` says what differs. Nothing but `api/` imports it.
 * Times are RFC 3339 with zone, durations are milliseconds, ids are strings.
 */

type None = { query?: never; header?: never; path?: never; cookie?: never }
type Query<Q> = { query?: Q; header?: never; path?: never; cookie?: never }
type Path<P> = { query?: never; header?: never; path: P; cookie?: never }
type Answer<T, S extends number = 200> = {
  [K in S]: { headers: { [name: string]: unknown }; content: { 'application/json': T } }
} & {
  default: {
    headers: { [name: string]: unknown }
    content: { 'application/problem+json': components['schemas']['Problem'] }
  }
}
type Body<B> = { content: { 'application/json': B } }
type Op<P, R, B = undefined> = B extends undefined
  ? { parameters: P; requestBody?: never; responses: R }
  : { parameters: P; requestBody: Body<B>; responses: R }
type List<T> = { items: T[]; next: string | null }
type S = components['schemas']

export interface paths {
  '/session': {
    post: Op<None, Answer<S['Session'], 201>, S['SignIn']>
    delete: Op<None, { 204: { headers: Record<string, unknown>; content?: never } }>
  }
  '/me': { get: Op<None, Answer<S['Me']>> }
  '/me/password': {
    put: Op<None, { 204: { headers: Record<string, unknown>; content?: never } }, { current: string; next: string }>
  }
  '/orgs': { get: Op<Query<{ q?: string; under?: string; kind?: string; limit?: number }>, Answer<List<S['Unit']>>> }
  '/people': { get: Op<Query<{ q?: string; unit_id?: string; limit?: number }>, Answer<List<S['Person']>>> }
  '/classes': { get: Op<None, Answer<List<S['CaseClass']>>> }

  '/desk': { get: Op<None, Answer<S['Desk']>> }
  '/desk/state': { put: Op<None, Answer<S['Desk']>, { state: 'ready' | 'not_ready' | 'offline'; reason?: string }> }
  '/desk/phone': { post: Op<None, Answer<S['PhoneAccount'], 201>, Record<string, never>> }
  '/desk/reattach': { post: Op<None, Answer<S['Call']>, Record<string, never>> }
  '/desk/drafts/{call_id}': {
    get: Op<Path<{ call_id: string }>, Answer<S['Draft']>>
    put: Op<Path<{ call_id: string }>, Answer<S['Draft']>, { form: Record<string, unknown> }>
  }

  '/calls': {
    get: Op<Query<S['CallQuery']>, Answer<List<S['Call']>>>
    post: Op<None, Answer<S['Call'], 201>, { to: string; case_id?: string }>
  }
  '/calls/{id}': { get: Op<Path<{ id: string }>, Answer<S['Call']>> }
  '/calls/{id}/caller': { get: Op<Path<{ id: string }>, Answer<S['Caller']>> }
  '/calls/{id}/{action}': {
    post: Op<Path<{ id: string; action: S['CallAction'] }>, Answer<S['Call']>, Record<string, unknown>>
  }
  '/queues': { get: Op<None, Answer<List<S['Queue']>>> }

  '/cases': {
    get: Op<Query<S['CaseQuery']>, Answer<List<S['Case']>>>
    post: Op<None, Answer<S['Case'], 201>, S['NewCase']>
  }
  '/cases/counts': { get: Op<None, Answer<S['CaseCounts']>> }
  '/cases/suggestions': {
    get: Op<Query<{ class_code?: string; place?: string; lon?: number; lat?: number; title?: string }>, Answer<S['Suggestions']>>
  }
  '/cases/{id}': { get: Op<Path<{ id: string }>, Answer<S['Case']>> }
  '/cases/{id}/timeline': { get: Op<Path<{ id: string }>, Answer<List<S['Event']>>> }
  '/cases/{id}/{verb}': {
    post: Op<Path<{ id: string; verb: string }>, Answer<S['Case']>, Record<string, unknown>>
  }
  '/calendars/{name}/due': {
    get: Op<
      { query: { from: string; days?: number; minutes?: number }; header?: never; path: { name: string }; cookie?: never },
      Answer<S['Due']>
    >
  }
  '/events': { get: Op<Query<{ after?: number; limit?: number }>, Answer<List<S['Event']>>> }
  '/track': { post: Op<None, Answer<S['Tracked']>, { public_no: string; query_code: string }> }
}

export interface components {
  schemas: {
    /** application/problem+json (RFC 9457) with a stable `code`. */
    Problem: {
      type?: string
      title: string
      status: number
      code: string
      detail?: string
      /** Field → what is wrong with it. */
      fields?: Record<string, string>
    }
    SignIn: { user: string; password: string; totp?: string }
    Session: {
      token: string
      person: components['schemas']['Person']
      posts: components['schemas']['Post'][]
      must_change_password?: boolean
    }
    Me: {
      person: components['schemas']['Person']
      posts: components['schemas']['Post'][]
      must_change_password?: boolean
    }
    Person: { id: string; name: string; user?: string; extension?: string | null; phone?: string | null; unit?: components['schemas']['UnitRef'] }
    Post: {
      id: string
      title: string
      unit: components['schemas']['UnitRef']
      /** What the post may do, as `domain.action`; absent = not told, everything is shown and the hub decides. */
      rights?: string[]
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
      state: components['schemas']['AgentState']
      reason?: string | null
      since: string
      /** State taken after the running call ends, when the agent chose it beforehand. */
      next_state?: { state: components['schemas']['AgentState']; reason?: string | null } | null
      /** End of after-call work; the hub sets the agent ready then. */
      after_call_until?: string | null
      reasons: { code: string; name: string }[]
      wrap_up_codes: { code: string; name: string }[]
      auto_answer: boolean
      today: { calls: number; average_ms: number }
      /** The running or just ended call of this agent. */
      call?: components['schemas']['Call'] | null
      callbacks: components['schemas']['Callback'][]
      /** Cases this agent opened that changed since he last looked. */
      changed: components['schemas']['Case'][]
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
    CallResult: 'answered' | 'abandoned' | 'no_answer' | 'busy' | 'failed' | 'overflowed'
    CallAction:
      | 'hold'
      | 'resume'
      | 'mute'
      | 'unmute'
      | 'transfer'
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
      state: components['schemas']['CallState']
      from: { number: string; name?: string | null; area?: string | null; verified?: boolean }
      to: { number: string; name?: string | null }
      queue?: { id: string; name: string } | null
      agent?: { id: string; name: string; extension: string } | null
      started_at: string
      queued_at?: string | null
      answered_at?: string | null
      ended_at?: string | null
      wait_ms?: number | null
      talk_ms?: number | null
      result?: components['schemas']['CallResult'] | null
      ended_by?: string | null
      muted?: boolean
      held_since?: string | null
      recording?: { available: boolean; duration_ms?: number } | null
      case?: { id: string; public_no: string; title: string } | null
      consult?: { number: string; name?: string | null; state: 'ringing' | 'talking' | 'conference' } | null
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
      open_cases: components['schemas']['Case'][]
      history: { at: string; kind: 'call' | 'case' | 'sms'; title: string; detail?: string; case_id?: string; call_id?: string }[]
    }
    Queue: {
      id: string
      name: string
      unit?: components['schemas']['UnitRef']
      waiting: { call_id: string; number: string; since: string; place: number; area?: string | null }[]
      agents: Record<components['schemas']['AgentState'], number>
      seats: components['schemas']['Seat'][]
      service_level: components['schemas']['Rate'] & { within_s: number }
      connect_rate: components['schemas']['Rate']
      today: { offered: number; answered: number; abandoned: number; average_wait_ms: number; average_talk_ms: number }
      /** Calls per quarter of an hour, today. */
      trend: { at: string; offered: number; answered: number }[]
      /** Classes of the cases opened from calls today, most frequent first. */
      topics: { name: string; count: number }[]
    }
    Seat: { agent_id: string; name: string; extension: string; state: components['schemas']['AgentState']; reason?: string | null; since: string }
    /** A figure with the formula it follows. `value` is null when the denominator is 0. */
    Rate: { value: number | null; numerator: number; denominator: number; definition: string }

    Urgency: 'normal' | 'urgent' | 'extra_urgent'
    Card: 'none' | 'green' | 'yellow' | 'red'
    NewCase: {
      channel: string
      nature: string
      class_code: string
      urgency: components['schemas']['Urgency']
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
      urgency: components['schemas']['Urgency']
      title: string
      narrative: string
      demand?: string | null
      node: string
      /** The six steps: 1 采集 … 6 办结. */
      step: number
      round: number
      card: components['schemas']['Card']
      overlays: string[]
      place: { text: string; lon?: number | null; lat?: number | null; grid?: { name: string; leader?: string | null } | null }
      requester: { name?: string | null; phone?: string | null; tags?: string[] }
      lead_unit?: components['schemas']['UnitRef'] | null
      co_units: components['schemas']['UnitRef'][]
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
      clocks: components['schemas']['Clock'][]
      calendar?: string
      verbs: components['schemas']['Verb'][]
      links?: { kind: string; case_id: string; public_no: string; title: string; channel: string; state?: string }[]
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
      card: components['schemas']['Card']
      provisional?: boolean
      /** The limit as the rule states it, for instance `{days: 5}`: lets the console ask why it falls there. */
      budget?: { days?: number; minutes?: number }
      pause_reason?: string | null
    }
    /** A verb the asking post may use now, with the JSON schema of its body. */
    Verb: { verb: string; title?: string; schema: components['schemas']['BodySchema']; danger?: boolean }
    /** The part of JSON schema the verb forms use. */
    BodySchema: {
      type?: 'object'
      properties?: Record<string, components['schemas']['FieldSchema']>
      required?: string[]
    }
    FieldSchema: {
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
      anyOf?: components['schemas']['FieldSchema'][]
      oneOf?: components['schemas']['FieldSchema'][]
      items?: components['schemas']['FieldSchema']
    }
    CaseQuery: {
      view?: string
      q?: string
      node?: string
      step?: number
      urgency?: string
      card?: string
      channel?: string
      class_code?: string
      unit_id?: string
      from?: string
      to?: string
      order?: string
      cursor?: string
      limit?: number
    }
    /** Cases per view of the inbox and of supervision, by view name. */
    CaseCounts: Record<string, number>
    Suggestions: {
      lead?: { unit: components['schemas']['UnitRef']; confidence?: number; why: string } | null
      co_units: components['schemas']['UnitRef'][]
      grid?: string | null
      limits: { clock: string; text: string }[]
      similar: { case_id: string; public_no: string; title: string; place: string; at: string }[]
    }
    Due: { due_at: string; provisional: boolean; steps: { date: string; kind: string; minutes?: number; text: string }[] }
    Event: {
      site: string
      seq: number
      at: string
      kind: string
      subject: string
      actor?: string | { id?: string; name?: string } | null
      org?: string | { id?: string; name?: string } | null
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
}
