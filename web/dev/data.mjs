// Believable data of Zhengzhou for `npm run dev:mock`: seeded, so that every start shows the same city.
// Part of no bundle.

let seed = 20261124
export const random = () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return seed / 2 ** 32
}
export const pick = (list) => list[Math.floor(random() * list.length)]
export const between = (a, b) => a + Math.floor(random() * (b - a + 1))
export const MIN = 60_000
export const HOUR = 60 * MIN
export const DAY = 24 * HOUR
export const iso = (ms) => new Date(ms).toISOString()

let serial = 7000
const checkDigit = (digits) => {
  let p = 10
  for (const d of digits) {
    let s = (Number(d) + p) % 10
    if (s === 0) s = 10
    p = (s * 2) % 11
  }
  return String((11 - p) % 10)
}
export const publicNo = (at) => {
  const d = new Date(at)
  const day = [d.getFullYear() % 100, d.getMonth() + 1, d.getDate()]
    .map((n) => String(n).padStart(2, '0'))
    .join('')
  serial += 1
  const body = day + String(serial).padStart(6, '0')
  return body + checkDigit(body)
}

const COUNTIES = [
  '中原区',
  '二七区',
  '管城回族区',
  '金水区',
  '上街区',
  '惠济区',
  '中牟县',
  '巩义市',
  '荥阳市',
  '新密市',
  '新郑市',
  '登封市',
  '经济技术开发区',
  '高新技术产业开发区',
  '航空港经济综合实验区',
  '郑东新区',
]
const DEPARTMENTS = [
  '市自来水公司',
  '市城市管理局',
  '市生态环境局',
  '市公安局交通管理支队',
  '市住房保障和房地产管理局',
  '市热力集团',
  '市公共交通集团',
  '市教育局',
  '市人力资源和社会保障局',
  '市卫生健康委员会',
  '国网郑州供电公司',
  '市园林局',
]
const TOWNSHIPS = [
  '文化路街道',
  '经八路街道',
  '花园路街道',
  '人民路街道',
  '杜岭街道',
  '大石桥街道',
  '南阳路街道',
  '东风路街道',
  '北林路街道',
  '丰产路街道',
]

export const units = [
  { id: 'u-city', name: '郑州市', kind: 'city', parent_id: null, code: '410100' },
  { id: 'u-hotline', name: '市热线服务中心', kind: 'department', parent_id: 'u-city' },
  ...COUNTIES.map((name, i) => ({ id: `u-c${i}`, name, kind: 'county', parent_id: 'u-city' })),
  ...DEPARTMENTS.map((name, i) => ({ id: `u-d${i}`, name, kind: 'department', parent_id: 'u-city' })),
  ...TOWNSHIPS.map((name, i) => ({
    id: `u-t${i}`,
    name: `金水区${name}`,
    kind: 'township',
    parent_id: 'u-c3',
  })),
]
const unit = (name) => {
  const found = units.find((u) => u.name === name) ?? units[0]
  return { id: found.id, name: found.name }
}

export const classes = [
  ['01', '供水'],
  ['0101', '管道爆裂', '01'],
  ['0102', '停水', '01'],
  ['0103', '水压不足', '01'],
  ['0104', '水质异常', '01'],
  ['02', '市容环境'],
  ['0201', '路灯不亮', '02'],
  ['0202', '占道经营', '02'],
  ['0203', '垃圾清运', '02'],
  ['0204', '井盖缺失', '02'],
  ['03', '噪声污染'],
  ['0301', '夜间施工', '03'],
  ['0302', '商业噪声', '03'],
  ['04', '供暖'],
  ['0401', '暖气不热', '04'],
  ['0402', '管网漏水', '04'],
  ['05', '交通出行'],
  ['0501', '公交晚点', '05'],
  ['0502', '信号灯故障', '05'],
  ['0503', '违法停车', '05'],
  ['06', '住房物业'],
  ['0601', '电梯故障', '06'],
  ['0602', '物业服务', '06'],
  ['0603', '房屋漏雨', '06'],
  ['07', '社会保障'],
  ['0701', '社保转移', '07'],
  ['0702', '养老金发放', '07'],
  ['08', '教育'],
  ['0801', '入学咨询', '08'],
].map(([code, name, parent = null]) => ({ code, name, parent, leaf: parent !== null }))
const className = (code) => {
  const leaf = classes.find((c) => c.code === code)
  const top = classes.find((c) => c.code === leaf?.parent)
  return top ? `${top.name} / ${leaf.name}` : (leaf?.name ?? code)
}

const MATTERS = [
  [
    '0101',
    '农业路与文化路口水管爆裂，路面积水',
    '10 时许路口东南角供水管爆裂，积水漫过人行道约 30 米，有车辆涉水，周边两个小区停水。市民希望尽快关阀抢修，并告知来水时间。',
    '金水区农业路与文化路交叉口东南角',
    '市自来水公司',
    'help',
  ],
  [
    '0401',
    '正商花园 12 号楼暖气不热',
    '室内温度 14 度，已报修两次无人上门，家中有 80 岁老人。',
    '金水区东风路正商花园 12 号楼',
    '市热力集团',
    'help',
  ],
  [
    '0301',
    '中原路工地夜间施工扰民',
    '每晚 11 点后仍有打桩声，持续一周，影响学生休息。',
    '中原区中原路与桐柏路交叉口',
    '市生态环境局',
    'complain',
  ],
  [
    '0201',
    '纬五路路灯连续三晚不亮',
    '纬五路经三路至经五路段路灯全部不亮，夜间出行不便。',
    '金水区纬五路',
    '市城市管理局',
    'help',
  ],
  [
    '0501',
    'B3 路公交早高峰间隔超过 25 分钟',
    '早 7 点至 8 点多次等候超过 25 分钟，要求增加班次。',
    '郑东新区商务内环路站',
    '市公共交通集团',
    'complain',
  ],
  [
    '0601',
    '小区电梯停运两天，老人无法下楼',
    '电梯停运两天，物业称等待配件。',
    '二七区淮河路绿云小区 5 号楼',
    '市住房保障和房地产管理局',
    'complain',
  ],
  [
    '0204',
    '嵩山路人行道井盖缺失',
    '井盖缺失，已用树枝示警，存在安全隐患。',
    '二七区嵩山路与陇海路交叉口',
    '市城市管理局',
    'report',
  ],
  [
    '0502',
    '花园路信号灯东西向长时间红灯',
    '东西向红灯超过 4 分钟，已造成拥堵。',
    '金水区花园路与黄河路交叉口',
    '市公安局交通管理支队',
    'help',
  ],
  [
    '0202',
    '学校门口占道经营',
    '放学时段流动摊贩占用人行道，学生走到车行道。',
    '管城回族区紫荆山路小学门口',
    '管城回族区',
    'complain',
  ],
  [
    '0701',
    '咨询跨省社保转移所需材料',
    '从外省转入，已有参保凭证，咨询办理窗口和时限。',
    '郑东新区',
    '市人力资源和社会保障局',
    'consult',
  ],
  [
    '0602',
    '物业拒开装修出入证',
    '业主装修材料无法进入，物业要求额外交费。',
    '高新技术产业开发区瑞达路',
    '高新技术产业开发区',
    'complain',
  ],
  ['0103', '六楼以上水压不足', '早晚高峰六楼以上无水，已持续半月。', '惠济区开元路', '市自来水公司', 'help'],
  ['0203', '垃圾三天未清运', '小区垃圾堆放点三天未清，气味大。', '中牟县青年路', '中牟县', 'complain'],
  ['0302', '楼下酒吧营业至凌晨', '低音扰民，报警后次日复发。', '金水区经三路', '金水区', 'report'],
  [
    '0801',
    '咨询随迁子女入学手续',
    '居住证已办理，咨询报名时间与学校划片。',
    '航空港经济综合实验区',
    '市教育局',
    'consult',
  ],
  ['0603', '廉租房屋顶漏雨', '雨天漏雨严重，已反映多次。', '荥阳市索河路', '荥阳市', 'help'],
]
const SURNAMES = [
  '王',
  '李',
  '张',
  '刘',
  '陈',
  '杨',
  '赵',
  '黄',
  '周',
  '吴',
  '徐',
  '孙',
  '马',
  '朱',
  '胡',
  '郭',
  '何',
  '高',
  '林',
  '罗',
]
export const person = () => `${pick(SURNAMES)}${pick(['先生', '女士'])}`
export const mobile = () =>
  `${pick(['138', '139', '136', '150', '158', '187', '176', '199'])}****${String(between(1000, 9999))}`
const HANDLERS = ['周强', '陈立', '孙丽', '高远', '郭敏', '何静', '徐明', '朱琳']
export const AGENTS = [
  '李敏',
  '赵岩',
  '王芳',
  '张磊',
  '刘洋',
  '陈静',
  '杨帆',
  '黄蕾',
  '周婷',
  '吴昊',
  '徐欣',
  '孙悦',
].map((name, i) => ({ id: `p-a${i + 1}`, name, extension: String(8001 + i) }))

const NODES = [
  ['collected', 1],
  ['reported', 2],
  ['to_dispatch', 3],
  ['assigned', 3],
  ['assigned', 3],
  ['return_requested', 3],
  ['handling', 4],
  ['handling', 4],
  ['handling', 4],
  ['handling', 4],
  ['fed_back', 5],
  ['revisiting', 5],
  ['closed', 6],
  ['closed', 6],
  ['closed', 6],
  ['answered', 6],
]
const LIMITS = { sign: 15 * MIN, contact: 30 * MIN, settle: 0, reply: HOUR }

export const clock = (kind, budget, started, now, ended, extra = {}) => {
  const used = started === null ? 0 : (ended ?? now) - started
  const over = used > budget
  const state = started === null ? 'idle' : ended ? (over ? 'missed' : 'met') : 'running'
  const card = state !== 'running' ? 'none' : over ? 'red' : used > budget * 0.8 ? 'yellow' : 'none'
  return {
    kind,
    state,
    budget_ms: budget,
    used_ms: used,
    started_at: started && iso(started),
    due_at: started && iso(started + budget),
    stopped_at: ended ? iso(ended) : null,
    card,
    provisional: false,
    ...extra,
  }
}

const OPEN_ENDS = new Set(['closed', 'answered', 'void'])
const worst = (clocks) =>
  clocks.some((c) => c.card === 'red') ? 'red' : clocks.some((c) => c.card === 'yellow') ? 'yellow' : 'none'

export function makeCase(i, now) {
  const matter = i === 0 ? MATTERS[0] : MATTERS[(i * 5 + Math.floor(i / 16) * 3) % MATTERS.length]
  const [node, step] = i === 0 ? ['handling', 4] : NODES[(i * 7) % NODES.length]
  const at = i === 0 ? now - 3 * HOUR : now - between(5, i < 20 ? 300 : 5 * 24 * 60) * MIN
  const urgency =
    i === 0 ? 'extra_urgent' : random() < 0.12 ? 'urgent' : random() < 0.03 ? 'extra_urgent' : 'normal'
  const days = urgency === 'normal' ? pick([2, 3, 5]) : 1
  const settle = urgency === 'extra_urgent' ? 4 * HOUR : days * DAY
  const reached = (s) => step >= s
  const t = (m) => at + m * MIN
  const done = OPEN_ENDS.has(node)
  const signed = node === 'assigned' ? null : reached(4) ? t(7) : null
  const clocks = [
    clock('sign', LIMITS.sign, reached(3) && node !== 'to_dispatch' ? t(4) : null, now, signed),
    clock(
      'contact',
      LIMITS.contact,
      reached(4) ? t(7) : null,
      now,
      reached(4) ? t(i === 0 ? 16 : between(10, 44)) : null,
    ),
    clock(
      'settle',
      settle,
      reached(2) ? t(3) : null,
      now,
      done ? Math.min(now, t(between(60, 2000))) : null,
      {
        budget: urgency === 'extra_urgent' ? { minutes: 240 } : { days },
        ...(i % 17 === 5 && !done ? { state: 'paused', pause_reason: '等待市民补充材料', card: 'none' } : {}),
      },
    ),
    clock('reply', LIMITS.reply, reached(5) ? t(200) : null, now, done ? t(230) : null),
  ]
  const lead = unit(matter[4])
  return {
    id: `case-${i}`,
    public_no: publicNo(at),
    query_code: String(between(1000, 9999)),
    version: between(1, 9),
    channel: i === 0 ? 'call' : pick(['call', 'call', 'call', 'sms', 'wechat', 'web', 'grid', 'app']),
    nature: matter[5],
    class_code: matter[0],
    class_name: className(matter[0]),
    urgency,
    title: matter[1],
    narrative: matter[2],
    demand: i % 3 === 0 ? '尽快处理并回电告知结果' : null,
    node,
    step,
    round: i % 19 === 7 ? 2 : 1,
    card: worst(clocks),
    overlays:
      i % 13 === 3 ? ['supervised'] : i % 17 === 5 ? ['suspended'] : i % 11 === 6 ? ['citizen_waiting'] : [],
    place: {
      text: matter[3],
      lon: 113.6651 + (random() - 0.5) / 10,
      lat: 34.7902 + (random() - 0.5) / 10,
      grid: { name: '文化路社区 第 7 网格', leader: '马俊' },
    },
    requester: {
      name: i === 0 ? '王先生' : person(),
      phone: i === 0 ? '138****8001' : mobile(),
      tags: i % 4 === 0 ? ['愿短信回复'] : [],
    },
    lead_unit: reached(3) && node !== 'to_dispatch' ? lead : null,
    co_units: i === 0 ? [unit('金水区')] : [],
    collected_at: iso(at),
    accepted_at: reached(2) ? iso(t(3)) : null,
    closed_at: done ? iso(Math.min(now, t(230))) : null,
    updated_at: iso(Math.min(now, at + between(1, 200) * MIN)),
    step_times: Object.fromEntries(
      [1, 2, 3, 4, 5, 6].filter(reached).map((s) => [s, iso(t([0, 0, 3, 4, 7, 200, 230][s]))]),
    ),
    result_code: done ? pick(['resolved', 'resolved', 'partly', 'explained']) : null,
    answer_text: done ? '已处理完毕，并电话告知市民。' : null,
    returns: node === 'return_requested' ? 2 : i % 9 === 4 ? 1 : 0,
    same_matter: i === 0 ? 11 : 0,
    clocks,
    calendar: 'city',
    verbs: [],
    links:
      i === 0
        ? [
            ['000 7311', '热线', '2611240073117'],
            ['000 7322', '短信', '2611240073222'],
            ['000 7325', '小程序', '2611240073258'],
          ].map(([, channel, no], k) => ({
            kind: 'same_matter',
            case_id: `case-${30 + k}`,
            public_no: no,
            title: '农业路口漏水',
            channel,
            state: k < 2 ? 'closed' : 'handling',
          }))
        : [],
    satisfied_process: done ? between(3, 5) : null,
    satisfied_result: done ? between(2, 5) : null,
    solved_by_citizen: done ? pick(['yes', 'yes', 'yes', 'no']) : null,
  }
}

const TEXT = { type: 'string', maxLength: 2000, format: 'textarea' }
const UNIT = { type: 'string', format: 'unit' }
const NOTE = { note: { ...TEXT, title: '说明', maxLength: 500 } }
const SCORE = { type: 'integer', minimum: 1, maximum: 5, format: 'score' }
const schema = (properties, required = []) => ({ type: 'object', properties, required })
const VERBS = {
  accept: schema(NOTE),
  sign: schema({}),
  void: schema({ reason: { ...TEXT, maxLength: 200 } }, ['reason']),
  assign: schema({ unit_id: UNIT, co_units: { type: 'array', items: UNIT }, ...NOTE }, ['unit_id']),
  reassign: schema({ unit_id: UNIT, reason: { ...TEXT, maxLength: 300 } }, ['unit_id', 'reason']),
  answer: schema({ answer_text: TEXT }, ['answer_text']),
  return_request: schema(
    { reason: { ...TEXT, minLength: 5, description: '退单理由.' }, right_unit_id: UNIT },
    ['reason'],
  ),
  return_grant: schema(NOTE),
  return_refuse: schema({ reason: TEXT }, ['reason']),
  transfer: schema({ unit_id: UNIT, reason: TEXT }, ['unit_id', 'reason']),
  feed_back: schema(
    {
      result_code: { type: 'string', enum: ['resolved', 'partly', 'explained', 'on_account'] },
      answer_text: { ...TEXT, minLength: 10, description: '办理情况和答复意见.' },
    },
    ['result_code', 'answer_text'],
  ),
  request_extension: schema({ days: { type: 'integer', minimum: 1, maximum: 30 }, reason: TEXT }, [
    'days',
    'reason',
  ]),
  check_pass: schema(NOTE),
  check_fail: schema({ reason: TEXT }, ['reason']),
  reply: schema({ answer_text: TEXT }, ['answer_text']),
  revisit: schema(
    {
      solved: { type: 'string', enum: ['yes', 'no', 'unreachable'] },
      satisfied_process: SCORE,
      satisfied_result: SCORE,
      ...NOTE,
    },
    ['solved'],
  ),
  close: schema({}),
  reopen: schema({ reason: TEXT }, ['reason']),
  urge: schema({ text: { ...TEXT, maxLength: 300 } }),
  supervise: schema({ text: { ...TEXT, maxLength: 500 }, due_at: { type: 'string', format: 'date-time' } }, [
    'text',
  ]),
  supplement: schema({ text: TEXT }, ['text']),
}
const BY_NODE = {
  collected: ['accept', 'answer', 'supplement', 'void'],
  reported: ['accept', 'answer', 'supplement', 'void'],
  to_dispatch: ['assign', 'answer', 'supplement'],
  assigned: ['sign', 'return_request', 'reassign', 'urge', 'supervise', 'supplement'],
  return_requested: ['return_grant', 'return_refuse', 'reassign', 'urge', 'supervise'],
  handling: [
    'feed_back',
    'transfer',
    'request_extension',
    'return_request',
    'urge',
    'supervise',
    'supplement',
  ],
  fed_back: ['check_pass', 'check_fail', 'urge', 'supervise'],
  replying: ['reply'],
  revisiting: ['revisit'],
  closed: ['reopen'],
  answered: ['reopen'],
}
export const verbsOf = (c) =>
  (BY_NODE[c.node] ?? []).map((verb) => ({
    verb,
    schema: VERBS[verb],
    danger: ['void', 'check_fail'].includes(verb) || undefined,
  }))

let seq = 41_000
export const nextSeq = () => ++seq
export const event = (at, kind, subject, body = {}, actor = null, org = null) => ({
  site: 'zhengzhou',
  seq: nextSeq(),
  at: iso(at),
  kind,
  subject,
  actor,
  org,
  body,
})

export function timelineOf(c, now) {
  const at = Date.parse(c.collected_at)
  const t = (m) => Math.min(now, at + m * MIN)
  const by = (name, id = 'p') => ({ id, name })
  const about = { case_id: c.id }
  const lead = c.lead_unit
  const list = []
  const phone = c.channel === 'call'
  if (phone)
    list.push(
      event(
        t(0),
        'call.answered',
        'call-1',
        { ...about, from: c.requester.phone, name: c.requester.name, wait_ms: 6000 },
        by('李敏'),
      ),
    )
  list.push(
    event(
      t(2),
      'case.captured',
      c.id,
      {
        channel: c.channel,
        original: phone ? '……就在农业路跟文化路这个角上，水哗哗的往外冒，车都过不去了……' : undefined,
      },
      by('李敏'),
    ),
  )
  if (phone)
    list.push(
      event(
        t(3),
        'call.ended',
        'call-1',
        { ...about, talk_ms: 192_000, recording: true, call_id: 'call-0' },
        null,
      ),
    )
  if (c.step >= 2) list.push(event(t(3), 'case.accepted', c.id, {}, by('李敏')))
  list.push(
    event(t(3.2), 'message.delivered', 'm1', {
      ...about,
      to: c.requester.phone,
      text: `您的诉求已受理，编号 ${c.public_no}，查询码 ${c.query_code}。`,
      template: 'received',
    }),
  )
  if (lead) {
    list.push(
      event(
        t(4),
        'case.assigned',
        c.id,
        { unit: lead.name, unit_id: lead.id, co_units: c.co_units.map((u) => u.name), limits: { sign: 15 } },
        by('李敏'),
        { id: 'u-hotline', name: '市热线服务中心' },
      ),
    )
    list.push(
      event(t(4.1), 'message.delivered', 'm2', {
        ...about,
        to: '139****6620',
        text: '您有新工单待签收，回复 1 签收。',
        template: 'assigned',
      }),
    )
  }
  if (c.step >= 4) {
    list.push(
      event(
        t(7),
        'message.received',
        'm3',
        { ...about, from: '139****6620', text: '1' },
        by(HANDLERS[0]),
        lead,
      ),
    )
    list.push(event(t(7), 'case.signed', c.id, { unit: lead?.name, by: 'sms' }, by(HANDLERS[0]), lead))
    list.push(
      event(
        t(16),
        'call.ended',
        'call-9',
        { ...about, direction: 'out', talk_ms: 64_000, recording: true, call_id: 'call-3', masked: true },
        by(HANDLERS[0]),
        lead,
      ),
    )
  }
  if (c.id === 'case-0') {
    list.push(
      event(
        t(10),
        'order.created',
        'o3',
        { ...about, no: '03', unit: '抢修三队', text: '携泵车两台到现场关阀排水' },
        by('陈立'),
      ),
    )
    list.push(event(t(11), 'order.accepted', 'o3', { ...about, no: '03', unit: '抢修三队' }, by('抢修三队')))
    list.push(
      event(
        t(31),
        'order.on_site',
        'o3',
        { ...about, no: '03', unit: '抢修三队', distance_m: 2400 },
        by('抢修三队'),
      ),
    )
    list.push(
      event(
        t(41),
        'meeting.started',
        'mt1',
        {
          ...about,
          title: '抢修现场会商',
          units: ['市热线服务中心', '市自来水公司', '金水区', '文化路社区'],
        },
        by('赵岩'),
      ),
    )
    list.push(event(t(43), 'meeting.joined', 'mt1', { ...about, name: '周强' }, by('周强')))
    list.push(
      event(
        t(53),
        'meeting.ended',
        'mt1',
        {
          ...about,
          title: '抢修现场会商',
          duration_ms: 12 * MIN,
          decisions: ['11:30 前到水车 2 台（市自来水公司）', '封闭东南角车道（市城市管理局）'],
        },
        by('赵岩'),
      ),
    )
  }
  if (c.returns > 0)
    list.push(
      event(
        t(20),
        'case.return_requested',
        c.id,
        { reason: '该路段由区城管局负责养护，依据职责清单第 118 条。', unit: lead?.name },
        by(HANDLERS[2]),
        lead,
      ),
    )
  if (c.step >= 5)
    list.push(
      event(
        t(200),
        'case.fed_back',
        c.id,
        {
          unit: lead?.name,
          result_code: 'resolved',
          answer_text: '已更换 DN300 球墨管 1.2 米，12:35 恢复供水，路面清理完毕。',
        },
        by(HANDLERS[0]),
        lead,
      ),
    )
  if (c.step >= 6) {
    list.push(event(t(215), 'case.checked', c.id, { passed: true }, by('赵岩')))
    list.push(
      event(
        t(222),
        'case.revisited',
        c.id,
        { solved: 'yes', satisfied_process: 5, satisfied_result: 4 },
        by('王芳'),
      ),
    )
    list.push(event(t(230), 'case.closed', c.id, { result_code: 'resolved' }, by('赵岩')))
  }
  return list
    .filter((e) => Date.parse(e.at) <= now)
    .sort((a, b) => Date.parse(a.at) - Date.parse(b.at) || a.seq - b.seq)
}

export function makeCall(i, now, cases) {
  const at = now - i * 4 * MIN - between(0, 3) * MIN
  const answered = random() < 0.9
  const out = i % 9 === 4
  const wait = out ? 0 : between(2, answered ? 14 : 48) * 1000
  const talk = answered ? between(40, 420) * 1000 : 0
  const agent = answered ? (i % 3 === 0 ? AGENTS[0] : pick(AGENTS)) : null
  const c = answered && random() < 0.7 ? pick(cases) : null
  const citizen = {
    number: i === 0 ? '138****8001' : mobile(),
    name: i === 0 ? '王先生' : random() < 0.4 ? person() : null,
    area: pick(['金水区', '中原区', '二七区', '郑东新区', '新郑市']),
    verified: random() < 0.6,
  }
  const hotline = { number: '12345', name: '市热线' }
  return {
    id: `call-${i}`,
    direction: out ? 'out' : 'in',
    state: 'ended',
    from: out ? hotline : citizen,
    to: out ? citizen : hotline,
    queue: out
      ? null
      : pick([
          { id: 'q-city', name: '市热线' },
          { id: 'q-city', name: '市热线' },
          { id: 'q-jinshui', name: '金水区分中心' },
        ]),
    agent,
    started_at: iso(at),
    queued_at: iso(at + 8000),
    answered_at: answered ? iso(at + 8000 + wait) : null,
    ended_at: iso(at + 8000 + wait + talk),
    wait_ms: wait,
    talk_ms: talk || null,
    result: answered ? 'answered' : out ? 'no_answer' : 'abandoned',
    ended_by: pick(['caller', 'agent']),
    recording: answered ? { available: true, duration_ms: talk } : null,
    case: c && { id: c.id, public_no: c.public_no, title: c.title },
    wrap_up: answered ? { code: 'case', name: pick(['已建工单', '咨询已答复', '查询进展']) } : null,
  }
}

/** Two channels of speech-like noise, 8 kHz, 16 bit: the caller left, the agent right. */
export function recording(durationMs) {
  const rate = 8000
  const n = Math.floor((Math.min(durationMs, 240_000) / 1000) * rate)
  const wav = Buffer.alloc(44 + n * 4)
  wav.write('RIFF', 0)
  wav.writeUInt32LE(36 + n * 4, 4)
  wav.write('WAVEfmt ', 8)
  wav.writeUInt32LE(16, 16)
  wav.writeUInt16LE(1, 20)
  wav.writeUInt16LE(2, 22)
  wav.writeUInt32LE(rate, 24)
  wav.writeUInt32LE(rate * 4, 28)
  wav.writeUInt16LE(4, 32)
  wav.writeUInt16LE(16, 34)
  wav.write('data', 36)
  wav.writeUInt32LE(n * 4, 40)
  for (let i = 0; i < n; i++) {
    const s = i / rate
    const turn = Math.sin(s * 0.55) + 0.35 * Math.sin(s * 0.21 + 1)
    const words = Math.max(0, Math.sin(s * 9.1) * Math.sin(s * 3.3)) ** 0.6
    const voice = (f) => Math.sin(s * f * 6.283) * 0.5 + Math.sin(s * f * 12.6 + Math.sin(s * 40)) * 0.3
    const level = 11_000 * words
    wav.writeInt16LE(Math.round((turn > 0.05 ? level : 160 * Math.sin(i * 1.7)) * voice(140)), 44 + i * 4)
    wav.writeInt16LE(Math.round((turn < -0.02 ? level : 120 * Math.sin(i * 2.3)) * voice(210)), 46 + i * 4)
  }
  return wav
}
