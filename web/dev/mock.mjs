// A stand-in for the hub, for work on the console and for its pictures: answers the REST contract,
// emits events, registers phones. Serves dist/ if there is one. No dependency beyond node; in no bundle.
//   npm run dev:mock            http://127.0.0.1:8090   any account, password "demo"; sysadmin asks a one-time code
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  AGENTS,
  between,
  classes,
  clock,
  DAY,
  event,
  HOUR,
  iso,
  MIN,
  makeCall,
  makeCase,
  mobile,
  nextSeq,
  person,
  pick,
  publicNo,
  random,
  recording,
  timelineOf,
  units,
  verbsOf,
} from './data.mjs'
import { bye, invite, SILENT_OFFER, sipMessage } from './sip.mjs'

const PORT = Number(process.env.PORT ?? 8090)
const DIST = fileURLToPath(new URL('../dist/', import.meta.url))
const SCENE = process.env.SCENE ?? 'talking'
const start = Date.now()

const cases = Array.from({ length: 140 }, (_, i) => makeCase(i, start))
const calls = Array.from({ length: 160 }, (_, i) => makeCall(i, start, cases))
const log = []
const extra = new Map()
const sockets = new Set()
const drafts = new Map()
const answers = new Map()
let down = false
let reattachAsked = 0

function emit(kind, subject, body = {}, actor = null) {
  const record = event(Date.now(), kind, subject, body, actor)
  log.push(record)
  const id = body.case_id ?? (kind.startsWith('case.') ? subject : null)
  if (id) extra.set(id, [...(extra.get(id) ?? []), record])
  for (const socket of sockets) send(socket, JSON.stringify(record))
}

// ---- the desk of agent1
const liveCall = {
  id: 'call-live',
  direction: 'in',
  state: 'talking',
  from: { number: '138****8001', name: '王先生', area: '金水区', verified: true },
  to: { number: '12345', name: '市热线' },
  queue: { id: 'q-city', name: '市热线' },
  agent: AGENTS[0],
  started_at: iso(start - 200_000),
  queued_at: iso(start - 198_000),
  answered_at: iso(start - 192_000),
  ended_at: null,
  wait_ms: 6000,
  talk_ms: null,
  result: null,
  muted: false,
  held_since: null,
  recording: { available: true },
  case: null,
}
const desk = {
  extension: '8001',
  state: 'talking',
  reason: null,
  since: iso(start - 192_000),
  next_state: { state: 'not_ready', reason: '休息' },
  after_call_until: null,
  reasons: [
    ['rest', '休息'],
    ['meal', '就餐'],
    ['meeting', '会议'],
    ['training', '培训'],
    ['other', '其他'],
  ].map(([code, name]) => ({ code, name })),
  wrap_up_codes: [
    ['case', '已建工单'],
    ['answered', '咨询已答复'],
    ['progress', '查询进展'],
    ['transfer', '已转接'],
    ['silent', '无声电话'],
    ['harassing', '骚扰电话'],
  ].map(([code, name]) => ({ code, name })),
  auto_answer: false,
  today: { calls: 41, average_ms: 156_000 },
  call: liveCall,
  callbacks: [
    {
      id: 'cb1',
      number: '139****2207',
      due_at: iso(start + 16 * MIN),
      why: '排队时选择回拨，已承诺 10:30–10:40',
    },
    {
      id: 'cb2',
      number: '0371**** **18'.replaceAll(' ', ''),
      due_at: iso(start + 36 * MIN),
      why: '等待 48 秒后挂断，未接补拨',
    },
  ],
  changed: [cases[3], cases[2], cases[4]],
}
const SCENES = {
  answered: () => {
    Object.assign(desk, { state: 'talking', since: iso(Date.now()), call: liveCall })
    Object.assign(liveCall, { state: 'talking', answered_at: iso(Date.now()) })
  },
  talking: () => {},
  ringing: () =>
    Object.assign(desk, {
      state: 'reserved',
      since: iso(Date.now() - 4000),
      call: Object.assign(liveCall, {
        state: 'ringing',
        started_at: iso(Date.now() - 11_000),
        queued_at: iso(Date.now() - 9_000),
        answered_at: null,
        wait_ms: null,
      }),
    }),
  idle: () =>
    Object.assign(desk, { state: 'ready', since: iso(Date.now() - 74_000), call: null, next_state: null }),
  wrap: () =>
    Object.assign(desk, {
      state: 'after_call',
      since: iso(Date.now() - 9000),
      after_call_until: iso(Date.now() + 51_000),
      call: Object.assign(liveCall, { state: 'ended', ended_at: iso(Date.now() - 9000), talk_ms: 192_000 }),
    }),
  held: () => Object.assign(liveCall, { state: 'held', held_since: iso(Date.now() - 21_000) }),
}
SCENES[SCENE]?.()

// ---- queues
const SEAT_STATES = [
  'talking',
  'talking',
  'ready',
  'talking',
  'after_call',
  'talking',
  'not_ready',
  'talking',
  'ready',
  'reserved',
  'talking',
  'offline',
]
const seats = Array.from({ length: 24 }, (_, i) => {
  const base = AGENTS[i] ?? {
    id: `p-a${i + 1}`,
    name: `${pick(['韩', '冯', '曹', '袁', '邓', '许', '傅', '沈', '曾', '彭', '吕', '苏'])}${pick(['倩', '波', '雪', '鹏', '娜', '凯'])}`,
    extension: String(8001 + i),
  }
  const state = SEAT_STATES[i % SEAT_STATES.length]
  return {
    agent_id: base.id,
    name: base.name,
    extension: base.extension,
    state,
    reason: state === 'not_ready' ? '就餐' : null,
    since: iso(start - between(20, 900) * 1000),
  }
})
const countStates = (list) =>
  Object.fromEntries(
    ['offline', 'not_ready', 'ready', 'reserved', 'talking', 'after_call'].map((state) => [
      state,
      list.filter((s) => s.state === state).length,
    ]),
  )
const rate = (n, d, definition) => ({ value: d ? n / d : null, numerator: n, denominator: d, definition })
const quarter = 15 * MIN
const dayStart = new Date(start).setHours(0, 0, 0, 0)
const trend = Array.from({ length: Math.ceil((start - dayStart) / quarter) }, (_, i) => {
  const h = i / 4
  const load = Math.round(
    6 + 60 * Math.exp(-((h - 10) ** 2) / 8) + 48 * Math.exp(-((h - 15.5) ** 2) / 7) + random() * 8,
  )
  return {
    at: iso(dayStart + i * quarter),
    offered: load,
    answered: Math.round(load * (0.94 + random() * 0.06)),
  }
})
const queue = (id, name, mine, waiting) => ({
  id,
  name,
  waiting,
  agents: countStates(mine),
  seats: mine,
  service_level: {
    within_s: 15,
    ...rate(1821, 1870, '市民要求人工后 15 秒内由人工接听的来电／要求人工的来电'),
  },
  connect_rate: rate(1848, 1870, '人工接听／要求人工的来电；5 秒内放弃的另列'),
  today: { offered: 1870, answered: 1848, abandoned: 22, average_wait_ms: 5200, average_talk_ms: 156_000 },
  trend,
  topics: [
    ['暖气不热', 214],
    ['停水', 162],
    ['夜间施工', 121],
    ['公交晚点', 96],
    ['物业服务', 88],
    ['路灯不亮', 61],
  ].map(([n, count]) => ({ name: n, count })),
})
const waiting = Array.from({ length: 3 }, (_, i) => ({
  call_id: `call-w${i}`,
  number: mobile(),
  since: iso(start - (21 - i * 7) * 1000),
  place: i + 1,
  area: pick(['金水区', '中原区', '新郑市']),
}))
const queues = [
  queue('q-city', '市热线', seats.slice(0, 18), waiting),
  queue('q-jinshui', '金水区分中心', seats.slice(18), []),
]

// ---- answers
const me = {
  person: {
    id: 'p-a1',
    name: '李敏',
    user: 'agent1',
    extension: '8001',
    unit: { id: 'u-hotline', name: '市热线服务中心' },
  },
  posts: [
    { id: 'post1', title: '话务员', unit: { id: 'u-hotline', name: '市热线服务中心' } },
    { id: 'post2', title: '值班长', unit: { id: 'u-hotline', name: '市热线服务中心' } },
  ],
}
let signedIn = process.env.SIGNED_OUT ? null : me

const page = (items, query, map = (x) => x) => {
  const from = Number(query.get('cursor') ?? 0)
  const limit = Math.min(Number(query.get('limit') ?? 50), 200)
  return {
    items: items.slice(from, from + limit).map(map),
    next: from + limit < items.length ? String(from + limit) : null,
  }
}
const running = (c) => !['closed', 'answered', 'void'].includes(c.node)
const VIEWS = {
  to_sign: (c) => c.node === 'assigned',
  handling: (c) => c.node === 'handling' && c.card === 'none',
  due_soon: (c) => running(c) && c.card === 'yellow',
  overdue: (c) => running(c) && c.card === 'red',
  returned: (c) => running(c) && c.returns > 0,
  all_overdue: (c) => running(c) && c.card === 'red',
  all_due_soon: (c) => running(c) && c.card === 'yellow',
  returned_often: (c) => c.returns >= 2,
  dissatisfied: (c) => c.satisfied_result !== null && c.satisfied_result <= 2,
  supervised: (c) => c.overlays.includes('supervised'),
  unsigned: (c) => c.node === 'assigned' && c.clocks[0].card === 'red',
  open: running,
  mine: (c) => c.channel === 'call',
  to_dispatch: (c) => ['collected', 'reported', 'to_dispatch'].includes(c.node),
  to_check: (c) => ['fed_back', 'replying', 'revisiting'].includes(c.node),
  supervision: (c) => running(c) && (c.card === 'red' || c.overlays.length > 0),
  closed: (c) => !running(c),
}
function withQuery(list, query) {
  const text = query.get('q')
  const has = (value) => String(value ?? '').includes(text)
  return list.filter((c) => {
    if (query.get('box') && !VIEWS[query.get('box')]?.(c)) return false
    if (query.get('ended') && running(c) === (query.get('ended') === 'true')) return false
    for (const name of ['node', 'urgency', 'card', 'channel', 'class_code'])
      if (query.get(name) && !query.get(name).split(',').includes(c[name])) return false
    if (query.get('unit') && c.lead_unit?.id !== query.get('unit')) return false
    return !text || has(c.title) || has(c.public_no) || has(c.place.text) || has(c.requester.name)
  })
}
const full = (c) => ({ ...c, verbs: verbsOf(c) })
const find = (id) => cases.find((c) => c.id === id)
const problem = (status, code, detail) => ({
  status,
  body: { type: 'about:blank', title: code, status, code, detail },
  type: 'application/problem+json',
})
const ok = (body, status = 200) => ({ status, body })

const NEXT = {
  accept: ['to_dispatch', 3],
  assign: ['assigned', 3],
  reassign: ['assigned', 3],
  sign: ['handling', 4],
  feed_back: ['fed_back', 5],
  check_pass: ['revisiting', 5],
  check_fail: ['handling', 4],
  revisit: ['closed', 6],
  answer: ['answered', 6],
  close: ['closed', 6],
  return_request: ['return_requested', 3],
  return_grant: ['to_dispatch', 3],
  return_refuse: ['assigned', 3],
  reopen: ['handling', 4],
  transfer: ['assigned', 3],
}
const PAST = {
  accept: 'accepted',
  assign: 'assigned',
  reassign: 'reassigned',
  sign: 'signed',
  feed_back: 'fed_back',
  check_pass: 'checked',
  check_fail: 'checked',
  revisit: 'revisited',
  answer: 'answered',
  close: 'closed',
  return_request: 'return_requested',
  return_grant: 'return_granted',
  return_refuse: 'return_refused',
  urge: 'urged',
  supervise: 'supervised',
  supplement: 'supplemented',
  reopen: 'reopened',
  transfer: 'transferred',
  request_extension: 'extension_requested',
}

function act(c, verb, body) {
  const allowed = verbsOf(c).find((v) => v.verb === verb)
  if (!allowed) return problem(409, 'not_now', `工单在“${c.node}”，不能${verb}；请刷新后按当前环节办理。`)
  const missing = (allowed.schema.required ?? []).filter((name) => !body[name])
  if (missing.length) return { ...problem(422, 'invalid', `缺少：${missing.join('、')}`) }
  const [node, step] = NEXT[verb] ?? [c.node, c.step]
  Object.assign(c, { node, step, version: c.version + 1, updated_at: iso(Date.now()) })
  c.step_times[step] ??= iso(Date.now())
  if (body.unit_id) c.lead_unit = units.find((u) => u.id === body.unit_id) ?? c.lead_unit
  if (verb === 'sign') Object.assign(c.clocks[0], { state: 'met', stopped_at: iso(Date.now()), card: 'none' })
  if (verb === 'assign') c.clocks[0] = clock('sign', 15 * MIN, Date.now(), Date.now(), null)
  emit(
    `case.${PAST[verb] ?? verb}`,
    c.id,
    { ...body, unit: c.lead_unit?.name, passed: verb === 'check_pass' },
    { id: 'p-a1', name: '李敏' },
  )
  return ok(full(c))
}

function newCase(body) {
  const c = {
    ...makeCase(cases.length + 1, Date.now()),
    id: `case-n${nextSeq()}`,
    public_no: publicNo(Date.now()),
    query_code: String(between(1000, 9999)),
    ...body,
    node: 'reported',
    step: 2,
    round: 1,
    card: 'none',
    overlays: [],
    lead_unit: null,
    co_units: [],
    returns: 0,
    links: [],
    same_matter: 0,
  }
  c.class_name = classes.find((k) => k.code === body.class_code)?.name ?? body.class_code
  c.place = { ...body.place, grid: { name: '文化路社区 第 7 网格', leader: '马俊' } }
  c.requester = { ...liveCall.from, ...body.requester, phone: body.requester?.phone ?? liveCall.from.number }
  c.collected_at = c.updated_at = iso(Date.now())
  c.step_times = { 1: iso(Date.now()), 2: iso(Date.now()) }
  c.clocks = [
    clock('sign', 15 * MIN, null, 0, null),
    clock('contact', 30 * MIN, null, 0, null),
    clock('settle', DAY, Date.now(), Date.now(), null, { budget: { days: 1 } }),
    clock('reply', HOUR, null, 0, null),
  ]
  c.result_code =
    c.answer_text =
    c.closed_at =
    c.satisfied_process =
    c.satisfied_result =
    c.solved_by_citizen =
      null
  cases.unshift(c)
  if (body.call_id) liveCall.case = { id: c.id, public_no: c.public_no, title: c.title }
  emit('case.captured', c.id, { channel: c.channel }, { name: '李敏' })
  return ok(full(c), 201)
}

function callAct(id, action) {
  if (id !== liveCall.id || desk.call === null) return problem(409, 'call_ended', '通话已结束。')
  const now = iso(Date.now())
  if (action === 'hold') Object.assign(liveCall, { state: 'held', held_since: now })
  if (action === 'resume') Object.assign(liveCall, { state: 'talking', held_since: null })
  if (action === 'mute' || action === 'unmute') liveCall.muted = action === 'mute'
  if (['hang_up', 'transfer'].includes(action)) {
    bye()
    Object.assign(liveCall, {
      state: 'ended',
      ended_at: now,
      talk_ms: Date.now() - Date.parse(liveCall.answered_at ?? now),
    })
    Object.assign(desk, { state: 'after_call', since: now, after_call_until: iso(Date.now() + 60_000) })
  }
  if (action === 'wrap_up')
    Object.assign(desk, { state: 'ready', since: now, after_call_until: null, call: null, next_state: null })
  emit(`call.${action}`, id)
  emit('agent.state', 'p-a1', { state: desk.state })
  return ok(liveCall)
}

const routes = [
  [
    'POST',
    /^\/session$/,
    (_m, _q, body) => {
      if (body.password !== 'demo' && body.password !== 'first') return problem(401, 'session.wrong')
      if (body.user === 'sysadmin' && !body.totp) return problem(401, 'session.totp_required')
      if (body.user === 'sysadmin' && body.totp !== '123456') return problem(401, 'session.wrong_totp')
      signedIn = { ...me, stage: body.password === 'first' ? 'change_password' : 'full' }
      return ok({ token: 't', ...signedIn }, 201)
    },
  ],
  [
    'DELETE',
    /^\/session$/,
    () => {
      signedIn = null
      return { status: 204 }
    },
  ],
  [
    'POST',
    /^\/session\/password$/,
    () => {
      signedIn = me
      return ok({ stage: 'full' })
    },
  ],
  ['GET', /^\/me$/, () => (signedIn ? ok(signedIn) : problem(401, 'not_signed_in'))],
  [
    'GET',
    /^\/orgs$/,
    (_m, q) => ok({ items: units.filter((u) => !q.get('q') || u.name.includes(q.get('q'))), next: null }),
  ],
  ['GET', /^\/people$/, () => ok({ items: AGENTS, next: null })],
  ['GET', /^\/classes$/, () => ok({ items: classes, next: null })],
  ['GET', /^\/desk$/, () => ok(desk)],
  [
    'PUT',
    /^\/desk\/state$/,
    (_m, _q, body) => {
      if (desk.state === 'talking' || desk.state === 'reserved')
        desk.next_state = {
          state: body.state,
          reason: desk.reasons.find((r) => r.code === body.reason)?.name,
        }
      else
        Object.assign(desk, {
          state: body.state,
          reason: desk.reasons.find((r) => r.code === body.reason)?.name ?? null,
          since: iso(Date.now()),
          after_call_until: null,
          call: null,
        })
      emit('agent.state', 'p-a1', { state: desk.state })
      return ok(desk)
    },
  ],
  [
    'GET',
    /^\/me\/sip$/,
    () => ok({ extension: '8001', user: '8001', password: 'x', realm: '127.0.0.1', websocket: '/sip' }),
  ],
  [
    'POST',
    /^\/desk\/reattach$/,
    () => {
      reattachAsked += 1
      return ok(liveCall)
    },
  ],
  [
    'GET',
    /^\/desk\/drafts\/([^/]+)$/,
    ([id]) => (drafts.has(id) ? ok(drafts.get(id)) : problem(404, 'not_found')),
  ],
  [
    'PUT',
    /^\/desk\/drafts\/([^/]+)$/,
    ([id], _q, body) => {
      drafts.set(id, { call_id: id, form: body.form, saved_at: iso(Date.now()) })
      return ok(drafts.get(id))
    },
  ],
  [
    'GET',
    /^\/calls$/,
    (_m, q) =>
      ok(
        page(
          [...(desk.call ? [liveCall] : []), ...calls].filter((c) => {
            const scope = q.get('scope')
            if (scope === 'mine' && c.agent?.id !== 'p-a1') return false
            if (
              scope === 'missed' &&
              !(c.direction === 'in' && c.state === 'ended' && c.result !== 'answered')
            )
              return false
            if (scope === 'recorded' && !(c.recording?.available && c.state === 'ended')) return false
            if (q.get('direction') && c.direction !== q.get('direction')) return false
            if (q.get('result') && c.result !== q.get('result')) return false
            const text = q.get('q')
            return !text || JSON.stringify([c.from, c.to, c.agent, c.case]).includes(text)
          }),
          q,
        ),
      ),
  ],
  [
    'POST',
    /^\/calls$/,
    (_m, _q, body) =>
      ok(
        { ...liveCall, id: 'call-out', direction: 'out', to: { number: body.to ?? '' }, state: 'ringing' },
        201,
      ),
  ],
  [
    'GET',
    /^\/calls\/([^/]+)$/,
    ([id]) => {
      const c = id === liveCall.id ? liveCall : calls.find((x) => x.id === id)
      return c ? ok(c) : problem(404, 'not_found')
    },
  ],
  [
    'GET',
    /^\/calls\/([^/]+)\/caller$/,
    () =>
      ok({
        name: '王先生',
        number: '138****8001',
        area: '金水区',
        language: '普通话',
        tags: ['老小区业主', '愿短信回复'],
        calls_year: 4,
        satisfied: { yes: 3, of: 3 },
        open_cases: [
          full({
            ...cases[1],
            title: '楼道照明损坏',
            node: 'handling',
            step: 4,
            card: 'none',
            lead_unit: { id: 'u-t0', name: '金水区文化路街道' },
            clocks: [clock('settle', 5 * DAY, start - 3 * DAY, start, null)],
          }),
        ],
        history: [
          {
            at: iso(start - 3 * DAY),
            kind: 'call',
            title: '反映楼道照明损坏',
            detail: '金水区文化路街道办理中',
            case_id: 'case-1',
          },
          {
            at: iso(start - 61 * DAY),
            kind: 'case',
            title: '小区门口违停',
            detail: '已解决，满意',
            case_id: 'case-12',
          },
          {
            at: iso(start - 148 * DAY),
            kind: 'sms',
            title: '短信补充照片 2 张',
            detail: '关联小区门口违停',
            case_id: 'case-12',
          },
          { at: iso(start - 203 * DAY), kind: 'call', title: '咨询居住证办理', detail: '即时答复' },
        ],
      }),
  ],
  [
    'GET',
    /^\/calls\/([^/]+)\/recording$/,
    ([id]) => ({
      status: 200,
      raw: recording(calls.find((c) => c.id === id)?.talk_ms ?? 90_000),
      type: 'audio/wav',
    }),
  ],
  ['POST', /^\/calls\/([^/]+)\/([a-z_]+)$/, ([id, action], _q, body) => callAct(id, action, body)],
  ['GET', /^\/queues$/, () => ok({ items: queues, next: null })],
  ['GET', /^\/cases$/, (_m, q) => ok(page(withQuery(cases, q), q, full))],
  ['POST', /^\/cases$/, (_m, _q, body) => newCase(body)],
  [
    'GET',
    /^\/cases\/counts$/,
    () =>
      ok({
        boxes: Object.fromEntries(
          Object.entries(VIEWS).map(([name, test]) => [name, cases.filter(test).length]),
        ),
      }),
  ],
  [
    'GET',
    /^\/orgs\/locate$/,
    (_m, q) =>
      ok({
        unit: { id: 'u-v7', name: '文化路社区', kind: 'village', path: '/zz/jinshui/008/001/', parent: null },
        county: { id: 'u-c3', name: '金水区', kind: 'county', path: '/zz/jinshui/', parent: null },
        grid: null,
        duty: q.class
          ? {
              lead: { id: 'u-d0', name: '市自来水公司', kind: 'company', path: '/zz/water/' },
              co: [],
              duty_id: '118',
            }
          : null,
      }),
  ],
  ['GET', /^\/cases\/([^/]+)$/, ([id]) => (find(id) ? ok(full(find(id))) : problem(404, 'not_found'))],
  [
    'GET',
    /^\/cases\/([^/]+)\/timeline$/,
    ([id]) =>
      find(id)
        ? ok({
            items: [
              ...(id.startsWith('case-n') ? [] : timelineOf(find(id), Date.now())),
              ...(extra.get(id) ?? []),
            ],
            next: null,
          })
        : problem(404, 'not_found'),
  ],
  [
    'POST',
    /^\/cases\/([^/]+)\/([a-z_]+)$/,
    ([id, verb], _q, body) => (find(id) ? act(find(id), verb, body) : problem(404, 'not_found')),
  ],
  [
    'GET',
    /^\/calendars\/([^/]+)\/due$/,
    (_m, q) => {
      const from = Date.parse(q.get('from'))
      const days = Number(q.get('days') ?? 0)
      const steps = [
        { date: iso(from), kind: 'start', text: `${new Date(from).getHours()} 时受理，当日不计入` },
      ]
      let at = from
      for (let left = days; left > 0; ) {
        at += DAY
        const weekend = [0, 6].includes(new Date(at).getDay())
        if (!weekend) left -= 1
        steps.push({
          date: iso(at),
          kind: weekend ? 'weekend' : 'workday',
          text: weekend ? '周末，不计' : `第 ${days - left} 个工作日`,
        })
      }
      return ok({ due_at: iso(at), provisional: false, steps })
    },
  ],
  [
    'GET',
    /^\/events$/,
    (_m, q) =>
      ok({
        items: log.filter((e) => e.seq > Number(q.get('after') ?? 0)).slice(0, Number(q.get('limit') ?? 100)),
        next: null,
      }),
  ],
  [
    'GET',
    /^\/track$/,
    (_m, q) => {
      const body = { public_no: q.get('no') ?? '', query_code: q.get('code') }
      const c =
        cases.find((x) => x.public_no === String(body.public_no).replace(/\s/g, '')) ??
        (body.public_no === '2611240073182' ? cases[0] : null)
      if (!c || (body.query_code !== c.query_code && !['4821', '4822'].includes(body.query_code)))
        return problem(404, 'not_found', '编号或查询码不正确')
      const at = Date.parse(c.collected_at)
      return ok({
        public_no: c.public_no,
        title: c.title,
        place: c.place.text,
        received_at: c.collected_at,
        state: 'handling',
        may_rate: q.get('rate') === '1' || body.query_code === '4822',
        unit: c.lead_unit?.name,
        promised_at: iso(at + 4 * HOUR),
        promise_moved: null,
        answer: null,
        steps: [
          { at: iso(at), title: '已收到您的来电' },
          { at: iso(at + 3 * MIN), title: '已受理' },
          { at: iso(at + 4 * MIN), title: `已交市自来水公司办理` },
          { at: iso(at + 16 * MIN), title: '承办单位与您电话联系', text: '通话 1 分 04 秒' },
          { at: iso(at + 31 * MIN), title: '抢修人员已到现场' },
        ],
      })
    },
  ],
]

async function readBody(request) {
  const parts = []
  for await (const part of request) parts.push(part)
  try {
    return JSON.parse(Buffer.concat(parts).toString() || '{}')
  } catch {
    return {}
  }
}

async function answerApi(request, url) {
  const path = url.pathname.slice('/api/v1'.length)
  const body = request.method === 'GET' ? {} : await readBody(request)
  if (request.method !== 'GET' && request.headers['x-requested-with'] !== 'liandong')
    return problem(403, 'forbidden', 'X-Requested-With 缺失')
  const key = request.headers['idempotency-key']
  if (key && answers.has(key)) return answers.get(key)
  for (const [method, pattern, run] of routes) {
    const match = request.method === method && pattern.exec(path)
    if (!match) continue
    const result = run(match.slice(1).map(decodeURIComponent), url.searchParams, body)
    if (key) answers.set(key, result)
    return result
  }
  return problem(404, 'not_found', `${request.method} ${path}`)
}

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
}
/** The policy the hub is to send with the console's pages. */
const CSP =
  "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

function serveFile(response, pathname) {
  const wanted = pathname === '/track' ? 'track.html' : normalize(pathname).replace(/^[/.]+/, '')
  const file = join(DIST, wanted)
  const found = wanted && existsSync(file) && statSync(file).isFile() ? file : join(DIST, 'index.html')
  response.writeHead(200, {
    'content-type': TYPES[extname(found)] ?? 'application/octet-stream',
    'content-security-policy': CSP,
  })
  createReadStream(found).pipe(response)
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://x')
  if (url.pathname === '/healthz') return response.writeHead(200).end('ok')
  if (url.pathname === '/mock/scene') {
    SCENES[url.searchParams.get('name')]?.()
    emit('agent.state', 'p-a1')
    return response.writeHead(200).end()
  }
  if (url.pathname === '/mock/invite') {
    const { sdp, reattach } = await readBody(request)
    const answer = await invite(sdp, reattach ? ['X-Liandong-Reattach: 1'] : []).then(
      (text) => ({ sdp: text }),
      (error) => ({ error: String(error) }),
    )
    return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  }
  if (url.pathname === '/mock/reattach_asked') return response.writeHead(200).end(String(reattachAsked))
  if (url.pathname === '/mock/down') {
    down = url.searchParams.get('on') === '1'
    if (down) for (const socket of sockets) socket.destroy()
    return response.writeHead(200).end()
  }
  if (!url.pathname.startsWith('/api/')) return serveFile(response, url.pathname)
  if (down) return request.socket.destroy()
  const { status, body, raw, type = 'application/json' } = await answerApi(request, url)
  response.writeHead(status, { 'content-type': type })
  response.end(raw ?? (body === undefined ? undefined : JSON.stringify(body)))
})

// ---- WebSocket: text frames only, as small as it can be
function send(socket, text) {
  const data = Buffer.from(text)
  const head =
    data.length < 126
      ? Buffer.from([0x81, data.length])
      : data.length < 65536
        ? Buffer.from([0x81, 126, data.length >> 8, data.length & 255])
        : null
  if (head && socket.writable) socket.write(Buffer.concat([head, data]))
}

function readFrames(socket, onText) {
  let buffer = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    buffer = Buffer.concat([buffer, chunk])
    while (buffer.length >= 6) {
      const short = buffer[1] & 127
      const head = short === 126 ? 4 : short === 127 ? 10 : 2
      const length =
        short === 126 ? buffer.readUInt16BE(2) : short === 127 ? Number(buffer.readBigUInt64BE(2)) : short
      if (buffer.length < head + 4 + length) return
      const mask = buffer.subarray(head, head + 4)
      const data = Buffer.from(
        buffer.subarray(head + 4, head + 4 + length).map((byte, i) => byte ^ mask[i % 4]),
      )
      if ((buffer[0] & 15) === 8) return socket.end()
      if ((buffer[0] & 15) === 1) onText(data.toString())
      buffer = buffer.subarray(head + 4 + length)
    }
  })
  socket.on('error', () => {})
}

server.on('upgrade', (request, socket) => {
  if (down) return socket.destroy()
  const url = new URL(request.url, 'http://x')
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64')
  const protocol = request.headers['sec-websocket-protocol']
    ? `Sec-WebSocket-Protocol: ${request.headers['sec-websocket-protocol'].split(',')[0]}\r\n`
    : ''
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${protocol}\r\n`,
  )
  if (url.pathname === '/sip') {
    const ringNow = () =>
      desk.state === 'reserved' &&
      !process.env.BY_HAND &&
      setTimeout(() => invite(SILENT_OFFER).catch(() => {}), 100)
    return readFrames(socket, (text) => sipMessage((out) => send(socket, out), text, ringNow))
  }
  readFrames(socket, () => {})
  sockets.add(socket)
  socket.on('close', () => sockets.delete(socket))
  const after = Number(url.searchParams.get('after') ?? Number.POSITIVE_INFINITY)
  for (const record of log) if (record.seq > after) send(socket, JSON.stringify(record))
})

// ---- the city goes on: someone calls, someone is answered, a case moves
setInterval(
  () => {
    const q = queues[0]
    if (random() < 0.5 && q.waiting.length < 6)
      q.waiting.push({
        call_id: `call-w${nextSeq()}`,
        number: mobile(),
        since: iso(Date.now()),
        place: q.waiting.length + 1,
        area: pick(['金水区', '中原区', '新郑市']),
      })
    else if (q.waiting.length) q.waiting.shift()
    q.waiting.forEach((w, i) => {
      w.place = i + 1
    })
    q.today.offered += 1
    q.today.answered += 1
    const seat = pick(q.seats.filter((s) => s.agent_id !== 'p-a1'))
    Object.assign(seat, {
      state: pick(['ready', 'talking', 'talking', 'after_call']),
      since: iso(Date.now()),
      reason: null,
    })
    q.agents = countStates(q.seats)
    emit('queue.changed', q.id)
  },
  Number(process.env.PACE_MS ?? 4000),
).unref()
setInterval(() => {
  const c = pick(cases.filter((x) => x.node === 'assigned'))
  if (c && !process.env.STILL) act(c, 'sign', {})
}, 25_000).unref()
void person
server.listen(PORT, '127.0.0.1', () => console.log(`mock hub: http://127.0.0.1:${PORT} (scene ${SCENE})`))
