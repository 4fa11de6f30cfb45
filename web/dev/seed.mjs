// Fills a running demo hub with a working day through its own API: cases in every state, replies, orders, meetings, messages.
//   node dev/seed.mjs URL PASSWORD [PART]
// PART: `old` (what began days ago), `today` (the rest; the default). Between the two a hub may be started under
// `faketime`, so that some of it is overdue when the second part comes.
const [URL_, PASSWORD, PART = 'today'] = process.argv.slice(2)
if (!URL_ || !PASSWORD) {
  console.error('usage: node dev/seed.mjs URL PASSWORD [old|today]')
  process.exit(2)
}

async function call(token, method, path, body) {
  const answer = await fetch(`${URL_}/api/v1${path}`, {
    method,
    headers: {
      'Content-Type': 'application/json',
      ...(token ? { Authorization: `Bearer ${token}` } : {}),
      ...(method === 'POST' ? { 'Idempotency-Key': crypto.randomUUID() } : {}),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  const said = await answer.json().catch(() => null)
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${said?.detail ?? ''}`)
  return said
}

async function sign_in(user) {
  const { token } = await call(null, 'POST', '/session', { user, password: PASSWORD })
  return {
    get: (path) => call(token, 'GET', path),
    post: (path, body = {}) => call(token, 'POST', path, body),
  }
}

/** Class, title, words, demand, place, lon, lat, name, phone, urgency, channel. */
const MATTERS = [
  [
    'water.supply.pipe_burst',
    '农业路与文化路口水管爆裂，路面积水',
    '10 时许路口东南角供水管爆裂，积水漫过人行道约 30 米，有车辆涉水，周边两个小区停水。市民希望尽快关阀抢修，并告知来水时间。',
    '尽快抢修，告知来水时间',
    '金水区农业路与文化路交叉口东南角',
    113.667,
    34.786,
    '王建国',
    '13812348001',
    'extra_urgent',
  ],
  [
    'water.supply.outage',
    '金城国际小区 3 号楼停水两天',
    '3 号楼 12 层以上从前天晚上开始没有水，物业说是二次供水泵坏了，一直没修。楼里有老人和小孩。',
    '恢复供水，临时送水',
    '金水区经三路金城国际小区 3 号楼',
    113.682,
    34.779,
    '刘芳',
    '13798120345',
    'urgent',
  ],
  [
    'water.supply.low_pressure',
    '文化路 97 号院早晚水压不足',
    '早上七点和晚上八点水压特别小，六楼热水器打不着火，已经一个多月了。',
    '提高水压',
    '金水区文化路 97 号院',
    113.669,
    34.792,
    '张秀英',
    '15038217766',
    'normal',
  ],
  [
    'water.supply.meter',
    '水费突然涨到 300 元，怀疑水表有问题',
    '平时每月 60 元左右，这个月账单 312 元，家里没有漏水。',
    '上门检表',
    '金水区丰产路 28 号院 2 号楼',
    113.677,
    34.773,
    '赵敏',
    '18638110922',
    'normal',
  ],
  [
    'water.supply.quality',
    '自来水发黄有铁锈味',
    '从昨天开始水龙头放出来的水发黄，放十分钟也不清，不敢做饭。',
    '检测水质',
    '金水区南阳路 265 号',
    113.641,
    34.789,
    '陈桂英',
    '13526661208',
    'urgent',
  ],
  [
    'road.manhole',
    '黄河路经七路口井盖缺失',
    '慢车道上一个井盖没了，黑洞洞的，晚上骑车很危险，有人拿树枝插着。',
    '马上处理',
    '金水区黄河路与经七路交叉口',
    113.676,
    34.769,
    null,
    '13633862077',
    'extra_urgent',
  ],
  [
    'lighting.streetlamp',
    '纬五路一整段路灯不亮',
    '从经三路到花园路，两百多米的路灯都不亮，一个星期了。',
    '修复路灯',
    '金水区纬五路（经三路至花园路）',
    113.679,
    34.766,
    '李红梅',
    '13700881523',
    'normal',
  ],
  [
    'noise.construction',
    '夜间施工噪声，凌晨两点还在打桩',
    '小区南边的工地凌晨两点还在打桩，孩子明年高考，打过物业电话没人管。',
    '夜间停工',
    '金水区东风路天骄华庭南侧工地',
    113.663,
    34.797,
    '孙志强',
    '15981830654',
    'normal',
  ],
  [
    'heating.none',
    '暖气片冰凉，室温只有 14 度',
    '11 月 15 日供暖到现在，家里暖气片一直不热，测了室温 14 度，家里有 80 岁的老人。',
    '上门测温调试',
    '二七区大学路 40 号院 5 号楼 1 单元',
    113.64,
    34.737,
    '郭海燕',
    '13937110428',
    'urgent',
  ],
  [
    'env.garbage',
    '小区门口垃圾堆积无人清运',
    '垃圾堆了三天，味道很大，还有人往上面扔建筑垃圾。',
    '清运垃圾',
    '管城回族区紫荆山南路南关街口',
    113.69,
    34.742,
    '马丽',
    '18539271160',
    'normal',
  ],
  [
    'traffic.signal',
    '嵩山路建设路信号灯全部熄灭',
    '早高峰路口信号灯全灭，没有交警，四个方向堵死了。',
    '派人疏导并修复',
    '中原区嵩山路与建设路交叉口',
    113.633,
    34.752,
    '周杰',
    '13203887412',
    'urgent',
  ],
  [
    'road.sunken',
    '航海路辅道路面塌陷约两米',
    '辅道上塌了一个坑，直径两米左右，旁边就是公交站。',
    '围挡并修复',
    '管城回族区航海东路与未来路交叉口西 100 米',
    113.708,
    34.72,
    '吴勇',
    '15136442089',
    'extra_urgent',
  ],
  [
    'property.service',
    '电梯经常困人，物业不修',
    '2 号楼东侧电梯一个月困人三次，物业总说配件没到。',
    '维修电梯',
    '郑东新区商都路建业小区 2 号楼',
    113.742,
    34.762,
    '林娟',
    '13673690147',
    'normal',
  ],
  [
    'social.wages',
    '餐饮店拖欠 8 名员工两个月工资',
    '老板把店转让了，电话不接，8 个人一共 6 万多。',
    '追讨工资',
    '二七区德化街 88 号',
    113.659,
    34.751,
    '杨勇',
    '17638104502',
    'normal',
  ],
  [
    'market.food',
    '外卖里吃出虫子，商家不认账',
    '昨晚点的外卖，菜里有虫，拍了照片，商家说不是他们的问题。',
    '查处并赔偿',
    '中原区棉纺路 120 号',
    113.616,
    34.757,
    '高洋',
    '15003823310',
    'normal',
  ],
  [
    'transit.bus',
    'B3 路公交晚点严重',
    '早上等 B3 路等了四十分钟，连过来三辆。',
    '改善班次',
    '金水区农业路公交站',
    113.672,
    34.785,
    '韩文博',
    '18703618221',
    'normal',
  ],
  [
    'traffic.parking',
    '消防通道长期被私家车占用',
    '小区消防通道停满了车，上个月救护车都进不来。',
    '拖移车辆',
    '金水区经八路 12 号院',
    113.673,
    34.772,
    null,
    '13569401199',
    'normal',
  ],
  [
    'consult.policy',
    '咨询异地就医备案怎么办理',
    '老人在外地住院，想问异地就医备案的流程和材料。',
    '告知流程',
    '金水区',
    null,
    null,
    '何静',
    '13838502264',
    'normal',
  ],
  [
    'housing.permit',
    '顶楼住户私自加盖阳光房',
    '7 号楼顶楼在搭阳光房，已经快盖好了，影响楼下防水。',
    '制止并拆除',
    '惠济区英才街 6 号院 7 号楼',
    113.64,
    34.87,
    '宋丽',
    '13017658890',
    'normal',
  ],
  [
    'gas.leak',
    '楼道闻到燃气味',
    '一楼到三楼都能闻到很重的燃气味，已经让邻居开窗了。',
    '立即派人检查',
    '金水区红专路 73 号院 4 单元',
    113.686,
    34.777,
    '徐明',
    '13676951043',
    'extra_urgent',
  ],
  [
    'water.sewer',
    '下水道返水，污水漫到楼道',
    '一楼卫生间往上返污水，已经流到楼道里了。',
    '疏通管道',
    '金水区纬二路 9 号院',
    113.684,
    34.764,
    '谢春生',
    '15238337006',
    'urgent',
  ],
  [
    'env.river',
    '熊耳河水体发黑有异味',
    '河水发黑，有臭味，好像有人往里排污水。',
    '查处排污',
    '郑东新区熊耳河桥东',
    113.735,
    34.752,
    '唐建国',
    '18939250063',
    'normal',
  ],
  [
    'edu_health.school',
    '咨询明年小学入学划片',
    '租房户，想问明年孩子上小学怎么划片，需要什么材料。',
    '告知政策',
    '金水区',
    null,
    null,
    '董霞',
    '13783607518',
    'normal',
  ],
  [
    'safety.dog',
    '小区大型犬不拴绳吓到孩子',
    '有人每天晚上遛两只大狗不拴绳，昨天把孩子吓哭了。',
    '管理犬只',
    '中原区秦岭路 55 号院',
    113.6,
    34.75,
    '冯超',
    '15890160834',
    'normal',
  ],
]

const bodyOf = (at) => {
  const [class_code, title, narrative, demand, text, lon, lat, name, phone, urgency] = MATTERS[at]
  return {
    channel: 'call',
    nature:
      class_code.startsWith('consult') || class_code === 'edu_health.school'
        ? 'consult'
        : class_code.startsWith('noise') || class_code.startsWith('transit')
          ? 'complain'
          : 'help',
    class_code,
    urgency,
    title,
    narrative,
    demand,
    place: lon === null ? { text } : { text, lon, lat },
    requester: { ...(name ? { name } : {}), phone },
  }
}

const people = {}
for (const user of ['agent1', 'agent2', 'dispatcher1', 'officer1', 'lead1', 'water1', 'county1'])
  people[user] = await sign_in(user)
const { agent1, agent2, dispatcher1, officer1, lead1, water1, county1 } = people

const step = async (who, one, verb, body = {}) => {
  try {
    return await who.post(`/cases/${one.id}/${verb}`, body)
  } catch (error) {
    console.error(`! ${one.title}: ${error.message}`)
    return one
  }
}
const file = (at) => (at % 2 ? agent2 : agent1).post('/cases', bodyOf(at))
const accepted = async (at) => step(dispatcher1, await file(at), 'accept')
const [city] = (await dispatcher1.get('/orgs')).items
const below = (await dispatcher1.get(`/orgs?parent=${city.id}`)).items
/** A county or an office of the city, by its code. */
const unitNamed = async (code) => below.find((each) => each.code === code).id
async function assigned(at, unit) {
  const one = await accepted(at)
  const whole = await dispatcher1.get(`/cases/${one.id}`)
  const unit_id = unit ? await unitNamed(unit) : (whole.proposal?.unit?.id ?? (await unitNamed('jinshui')))
  return step(dispatcher1, one, 'assign', { unit_id })
}
const handler = (one) =>
  one.lead_unit_id === below.find((each) => each.code === 'water').id ? water1 : county1
const signed = async (at, unit) => {
  const one = await assigned(at, unit)
  return step(handler(one), one, 'sign')
}
const fedBack = async (at, answer_text, unit) => {
  const one = await signed(at, unit)
  return step(handler(one), one, 'feed_back', { result_code: 'resolved', answer_text })
}
async function closed(at, answer, unit, score = 5) {
  const one = await fedBack(at, answer, unit)
  await step(dispatcher1, one, 'check_pass')
  const now = await dispatcher1.get(`/cases/${one.id}`)
  if (now.verbs.some((each) => each.verb === 'reply')) await step(dispatcher1, one, 'reply')
  await step(dispatcher1, one, 'revisit', {
    solved: score > 2 ? 'yes' : 'no',
    satisfied_process: score,
    satisfied_result: score,
  })
  const after = await dispatcher1.get(`/cases/${one.id}`)
  if (after.verbs.some((each) => each.verb === 'close')) await step(dispatcher1, one, 'close')
  return one
}

if (PART === 'old') {
  await closed(
    3,
    '已上门检测水表，误差在允许范围内，费用为上月漏抄合并计收，已向市民解释并退回多计 18 元。',
    'water',
  )
  await closed(15, '已调整早高峰班次，间隔由 15 分钟缩短为 8 分钟。', 'jinshui')
  await closed(9, '已清运垃圾 2 车，并约谈保洁公司。', 'jinshui', 4)
  await signed(2, 'water')
  await signed(6, 'jinshui')
  await assigned(1, 'water')
  await assigned(7, 'jinshui')
  const late = await signed(4, 'water')
  await step(dispatcher1, late, 'urge', { text: '市民再次来电，请尽快联系' })
  await accepted(12)
  await closed(16, '已拖移占用车辆 3 辆，设置禁停标识。', 'jinshui', 5)
} else {
  const burst = await signed(0, 'water')
  await file(18)
  await file(21)
  await agent1.post('/cases', bodyOf(17))
  await accepted(13)
  await accepted(14)
  await assigned(20, 'water')
  await assigned(5, 'jinshui')
  await assigned(10)
  await assigned(8)
  await signed(19, 'jinshui')
  const back = await assigned(11, 'jinshui')
  await step(county1, back, 'return_request', {
    reason: '该路段属市管道路，应由市城市管理局办理，附职责清单第 42 条。',
  })
  await fedBack(23, '已上门劝导，犬主承诺拴绳，社区加强巡查。', 'jinshui')
  const answered = await file(22)
  await step(agent1, answered, 'answer', {
    answer_text: '请登录郑州市义务教育入学平台，按租住地提交租赁备案、居住证，5 月起登记。',
  })
  await step(dispatcher1, burst, 'urge', { text: '现场积水漫过人行道，请加派人手' })
  const crews = (await dispatcher1.get('/responders')).items
  const crew = (name) => crews.find((each) => each.name === name)
  const give = async (body) => (await dispatcher1.post('/orders', body)).items[0]
  const tell = async (order, verb, body = {}) => {
    try {
      return await dispatcher1.post(`/orders/${order.id}/${verb}`, body)
    } catch (error) {
      console.error(`! order ${verb}: ${error.message}`)
    }
  }
  const first = await give({
    case_id: burst.id,
    text: '农业路与文化路口水管爆裂，请速到现场关阀抢修。',
    units: [crew('供水抢修一队').id],
  })
  await tell(first, 'accept')
  await tell(first, 'en_route')
  await tell(first, 'on_site')
  const second = await give({
    text: '嵩山路建设路口信号灯熄灭，请到场疏导。',
    near: { lon: 113.633, lat: 34.752, skill: 'traffic' },
  })
  await tell(second, 'accept')
  await tell(second, 'en_route')
  await give({
    text: '红专路 73 号院燃气味，请立即到场检测。',
    near: { lon: 113.686, lat: 34.777, skill: 'gas' },
  })
  const done = await give({
    text: '纬二路 9 号院污水冒溢，请疏通。',
    near: { lon: 113.684, lat: 34.764, skill: 'drainage' },
  })
  await tell(done, 'accept')
  await tell(done, 'en_route')
  await tell(done, 'on_site')
  await tell(done, 'done', { result: '已疏通，现场冲洗完毕。' })
  await dispatcher1.post('/meetings', {
    title: '农业路爆管抢修会商',
    case_id: burst.id,
    invite: [await unitNamed('water'), await unitNamed('jinshui')],
  })
  const held = await officer1.post('/meetings', { title: '今晚低温雨雪保障调度会', invite: [] })
  await officer1.post(`/meetings/${held.id}/end`)
  await lead1.post('/messages', {
    to: '13812348001',
    text: '您反映的农业路水管爆裂已派抢修队到场，预计 16:00 恢复供水。',
    case_id: burst.id,
  })
  await lead1.post('/messages', {
    to: '13700881523',
    text: '您反映的路灯问题已转金水区办理，办结后将短信告知。',
  })
  for (const [from, text] of [
    ['13812348001', '现在水小了一点，什么时候能来水？'],
    ['15838006677', '金水区农业路 60 号院门口路面积水，请处理'],
  ]) {
    await lead1
      .post('/sandbox/messages', { from, text })
      .catch(async () => lead1.post('/sandbox/messages', { phone: from, text }))
      .catch((e) => console.error(`! ${e.message}`))
  }
}
console.log('seeded', PART)
