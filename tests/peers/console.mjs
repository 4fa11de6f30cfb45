// The console as its users meet it, in Chromium against a real hub: every page is opened by somebody whose work is there,
// and the main paths are pressed. Fails on an error in the browser's console, on a request that should not have failed, and
// on a serious finding of axe. Argument: JSON {url, password, modules, pictures}; pictures of all pages are left in
// `pictures` for a person to look at. Prints one line of JSON for each step; the last one is {done, faults}.
import { createHmac } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const ask = JSON.parse(process.argv[2])
const require = createRequire(join(ask.modules, 'package.json'))
const { chromium } = require('playwright-core')
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
/** How long a fact may take on a busy machine: a patience, not a speed. */
const PATIENCE_MS = Number(ask.patience ?? 60_000)
/** One try at a list that may move. */
const TRY_MS = 10_000
const DESK = { width: 1440, height: 900 }
const PHONE = { width: 390, height: 844 }

mkdirSync(ask.pictures, { recursive: true })
const faults = []
/** A step of the matter that failed: the ones after it would fail for its sake. */
let broken = false
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)
const fault = (where, what) => {
  if (faults.includes(`${where}: ${what}`)) return
  faults.push(`${where}: ${what}`)
  say({ fault: `${where}: ${what}` })
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream'],
})

/** Whoever is at a browser now. */
const people = []

/** A person at a browser of his own. */
class Person {
  static async at(user, viewport = DESK) {
    const context = await browser.newContext({ viewport, locale: 'zh-CN', timezoneId: 'Asia/Shanghai', reducedMotion: 'reduce' })
    context.setDefaultTimeout(PATIENCE_MS)
    if (user) {
      const answer = await context.request.post(`${ask.url}/api/v1/session`, {
        data: { user, password: ask.password },
        headers: { 'X-Requested-With': 'liandong' },
      })
      if (!answer.ok()) throw new Error(`${user} cannot sign in: ${answer.status()}`)
    }
    return new Person(user ?? 'nobody', context, await context.newPage())
  }

  constructor(user, context, page) {
    Object.assign(this, { user, context, page })
    people.push(this)
    /** Refusals that are meant to come: `status path`. */
    this.meant = []
    page.on('pageerror', (error) => fault(`${user} ${page.url()}`, String(error)))
    page.on('console', (line) => {
      // A failed request is told with its address by the response below; the meeting's SDK calls every end of its signal
      // socket an error, its own leaving too.
      if (line.type() === 'error' && !/^Failed to load resource|error reading from signal stream/.test(line.text()))
        fault(`${user} ${page.url()}`, line.text())
    })
    page.on('response', (answer) => {
      const what = `${answer.status()} ${new URL(answer.url()).pathname}`
      if (answer.status() >= 400 && !this.meant.includes(what)) fault(`${user} ${page.url()}`, what)
    })
    page.on('requestfailed', (request) => {
      const why = request.failure()?.errorText ?? ''
      // A page that is left gives up what it had asked.
      if (!/ERR_ABORTED/.test(why)) fault(`${user} ${page.url()}`, `${request.url()} ${why}`)
    })
  }

  /** The hub's answer to this person, for what a person would know from elsewhere. */
  async knows(path) {
    const answer = await this.context.request.get(`${ask.url}/api/v1${path}`, { headers: { 'X-Requested-With': 'liandong' } })
    return answer.json()
  }

  go = (path) => this.page.goto(ask.url + path)
  see = (text) => this.page.getByText(text).first().waitFor()
  press = (name, role = 'button') => this.page.getByRole(role, { name }).first().click()
  fill = (label, text) => this.page.getByLabel(label, { exact: true }).first().fill(text)
  key = (key) => this.page.keyboard.press(key)

  /** Does it again until the fact is there: a list may move under the hand while its answers come. */
  async insist(act, fact) {
    const until = Date.now() + PATIENCE_MS
    for (;;) {
      await act(TRY_MS).catch(() => {})
      try {
        // What was chosen may stand in a part that only a screen reader hears.
        return await fact.waitFor({ state: 'attached', timeout: TRY_MS })
      } catch (error) {
        if (Date.now() > until) throw error
      }
    }
  }

  /** Chooses an option of a list that is searched by typing. */
  choose(label, words, option, chosen) {
    const field = this.page.getByLabel(label, { exact: true }).first()
    const lines = this.page.locator('.ant-select-item-option, .ant-cascader-menu-item')
    // Pressed where it is: on a machine too busy to place the list in time it still stands outside the window.
    const line = lines.filter({ hasText: option }).last()
    return this.insist(async (timeout) => {
      // Emptied first: the same words again would ask nothing.
      await field.fill('', { timeout })
      await field.fill(words, { timeout })
      await line.waitFor({ state: 'attached', timeout })
      await line.dispatchEvent('click', {}, { timeout })
    }, chosen)
  }

  /** A picture of the page, and what axe finds on it. */
  async look(name) {
    await this.page.screenshot({ path: join(ask.pictures, `${name}.png`) })
    // Evaluated over the debugging protocol: the page's own policy stays as strict as in service.
    await this.page.evaluate(axe)
    const found = await this.page.evaluate(async () => {
      const { violations } = await window.axe.run(document, { resultTypes: ['violations'] })
      return violations
        .filter((each) => each.impact === 'serious' || each.impact === 'critical')
        .map((each) => `axe ${each.id}: ${each.nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`)
    })
    for (const each of found) fault(name, each)
    const wide = await this.page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth + 1)
    if (wide) fault(name, 'the page is wider than its window')
  }

  async leave() {
    people.splice(people.indexOf(this), 1)
    await this.context.close()
  }
}

async function step(name, run) {
  if (broken) return
  say({ step: name })
  try {
    await run()
  } catch (error) {
    fault(name, String(error).split('\n').slice(0, 6).join(' '))
    broken = true
    for (const person of people) await person.page.screenshot({ path: join(ask.pictures, `fault-${person.user}.png`) }).catch(() => {})
  }
}

/** The code of the step of 30 seconds that `ahead` lies in from now (RFC 6238). */
function oneTimeCode(secret, ahead = 0) {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const bits = [...secret].map((c) => letters.indexOf(c).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead))
  const sum = createHmac('sha1', key).update(counter).digest()
  const number = (sum.readUInt32BE(sum[19] & 15) & 0x7fff_ffff) % 1_000_000
  return String(number).padStart(6, '0')
}

const TITLE = '农业路与文化路口水管爆裂，路面积水'
const agent = await Person.at(null)
const water = await Person.at('water1')
const dispatcher = await Person.at('dispatcher1')
/** What the steps learn of the case. */
const matter = {}

await step('a wrong password is refused in words, the right one leads to the desk', async () => {
  agent.meant = ['401 /api/v1/me', '401 /api/v1/session']
  await agent.go('/')
  await agent.fill('账号', 'agent1')
  await agent.fill('密码', 'wrong')
  await agent.key('Enter')
  await agent.see('账号或密码不正确')
  await agent.look('sign-in')
  await agent.fill('密码', ask.password)
  await agent.key('Enter')
  await agent.page.waitForURL('**/desk')
  agent.meant = []
  await agent.see('手工登记')
  await agent.look('desk')
})

await step('the handler has his inbox open and it is empty', async () => {
  await water.go('/inbox')
  await water.see('没有待签收的工单')
  await water.look('inbox-empty')
})

await step('the agent files a case and sends it out in one stroke', async () => {
  await agent.press('手工登记')
  await agent.fill('标题', TITLE)
  await agent.fill('诉求内容', '路口东南角供水管爆裂，积水漫过人行道，有车辆涉水，周边两个小区停水。')
  await agent.fill('事发地点', '金水区农业路与文化路交叉口东南角')
  await agent.fill('电话', '13812348001')
  await agent.choose('事项分类', '爆裂', '供水管道爆裂', agent.page.getByText('供水排水／供水管道爆裂').first())
  // The place is pointed at; the duty list then names the unit.
  await agent.press('地图选点')
  // A county's name is on the map once the map shows the city; before that a press would mean another country.
  await agent.page.locator('.ant-modal [aria-label="登封市"]').first().waitFor({ state: 'attached' })
  await agent.page.locator('.ant-modal .maplibregl-canvas').click()
  await agent.page.locator('.ant-modal').getByText(/网格$/).first().waitFor()
  await agent.look('intake-map')
  await agent.page.getByRole('button', { name: '采用此点' }).click()
  await agent.press(/建议派往 市自来水公司/)
  await agent.see('职责清单')
  await agent.look('intake')
  await agent.key('Control+Enter')
  const told = await agent.page.getByText(/请念给市民：工单号 \d{6} \d{3} \d{4}，查询码 \d+/).first().textContent()
  const [, no, code] = /工单号 ([\d ]+)，查询码 (\d+)/.exec(told)
  Object.assign(matter, { no: no.replaceAll(' ', ''), code })
  await agent.look('filed')
})

await step('the case is in the inbox without a reload; the handler signs it', async () => {
  await water.press(new RegExp(TITLE))
  await water.page.waitForURL(/open=/)
  matter.id = new URL(water.page.url()).searchParams.get('open')
  await water.look('inbox')
  await water.page.locator('main header').getByRole('button', { name: '签收', exact: true }).click()
  await water.see('签收已完成')
  await water.page.locator('main header', { hasText: TITLE }).getByText('办理中', { exact: true }).waitFor()
})

await step('the case page says what happened; an order goes out from it and runs its course', async () => {
  await dispatcher.go(`/cases/${matter.id}`)
  await dispatcher.page.locator('canvas.maplibregl-canvas').waitFor()
  await dispatcher.see('签收')
  await dispatcher.look('case')
  await dispatcher.page.locator('h1').first().click()
  await dispatcher.key('d')
  await dispatcher.page.waitForURL('**/dispatch?**')
  await dispatcher.see(TITLE)
  await dispatcher.page.waitForFunction((title) => document.querySelector('textarea')?.value.includes(title), TITLE)
  await dispatcher.look('dispatch-order')
  await dispatcher.key('Control+Enter')
  for (const verb of ['接受', '出发', '到达']) {
    await dispatcher.page.getByRole('button', { name: verb, exact: true }).click()
    await dispatcher.see(`已报告：${verb}`)
  }
  await dispatcher.page.getByRole('button', { name: '完成', exact: true }).click()
  await dispatcher.fill('完成情况', '已关阀止水，开始更换管道。')
  await dispatcher.page.locator('form').getByRole('button', { name: '完成', exact: true }).click()
  await dispatcher.see('已报告：完成')
  await dispatcher.look('dispatch')
})

await step('a message to the citizen, whose number nobody sees', async () => {
  await dispatcher.go(`/cases/${matter.id}`)
  await dispatcher.page.getByRole('button', { name: '发短信' }).click()
  await dispatcher.page.waitForURL('**/sms?**')
  await dispatcher.see('诉求人 138 **** 8001')
  await dispatcher.fill('内容', '已关阀止水，预计 16:00 恢复供水。')
  await dispatcher.look('sms-write')
  await dispatcher.key('Control+Enter')
  await dispatcher.see('短信已进入发送队列')
  const line = dispatcher.page.getByRole('row', { name: /预计 16:00 恢复供水/ })
  await line.getByText('已送达').waitFor()
  await dispatcher.look('sms')
})

await step('one press opens the meeting, invites the unit, and leads to its door', async () => {
  await dispatcher.go(`/cases/${matter.id}`)
  await dispatcher.page.getByRole('button', { name: '发起会商' }).click()
  await dispatcher.page.waitForURL('**/meeting/**')
  await dispatcher.page.getByRole('button', { name: '进入会议' }).waitFor()
  await dispatcher.look('meeting-lobby')
  await dispatcher.page.getByRole('button', { name: '进入会议' }).click()
  await dispatcher.page.getByRole('button', { name: /^离开/ }).waitFor()
  await dispatcher.look('meeting-room')
  await dispatcher.page.getByRole('button', { name: /^离开/ }).click()
  await dispatcher.see('您已离开会议')
  await dispatcher.press('返回会议列表')
  await dispatcher.page.waitForURL('**/meetings**')
  await dispatcher.see('到会情况')
  await dispatcher.look('meetings')
})

await step('the citizen sees how far his matter is, adds to it and urges it; the case page knows at once', async () => {
  await dispatcher.go(`/cases/${matter.id}`)
  const citizen = await Person.at(null, PHONE)
  await citizen.go('/track')
  await citizen.look('track')
  await citizen.page.locator('#no').fill(matter.no)
  await citizen.page.locator('#code').fill(matter.code)
  await citizen.page.locator('button[type=submit]').click()
  await citizen.see(TITLE)
  await citizen.look('track-found')
  await citizen.page.locator('#add').fill('现在水已经漫到小区门口了。')
  await citizen.page.getByRole('button', { name: '提交', exact: true }).click()
  await citizen.see('已收到，谢谢您。')
  await citizen.page.getByRole('button', { name: '催办', exact: true }).click()
  await dispatcher.see('现在水已经漫到小区门口了。')
  await dispatcher.see('市民在查询页催办')
  await citizen.page.getByRole('button', { name: 'English' }).click()
  await citizen.look('track-found-en')
  await citizen.leave()
})

await step('what is missing in a form is named; fed back and checked', async () => {
  await water.go(`/cases/${matter.id}`)
  await water.page.getByRole('button', { name: '反馈', exact: true }).first().click()
  await water.key('Control+Enter')
  await water.see('请填写')
  await water.insist(
    async (timeout) => {
      await water.page.getByLabel('办理结果').first().click({ timeout })
      await water.page.locator('.ant-select-item-option', { hasText: '已解决' }).first().dispatchEvent('click', {}, { timeout })
    },
    water.page.locator('form .ant-select').filter({ hasText: '已解决' }).first(),
  )
  await water.page.getByLabel(/答复|办理情况/).first().fill('管道已更换，路面积水已清理，12:35 恢复供水。')
  await water.key('Control+Enter')
  await water.see('反馈已完成')
  await water.look('case-handler')
  await dispatcher.go(`/cases/${matter.id}`)
  await dispatcher.page.getByRole('button', { name: '核查通过', exact: true }).first().click()
  await dispatcher.key('Control+Enter')
  await dispatcher.see('核查通过已完成')
  await dispatcher.look('case-checked')
})

await step('a citizen writes an SMS; it is a draft, and the sandbox shows his telephone', async () => {
  const lead = await Person.at('lead1')
  await lead.go('/sms/sandbox')
  await lead.see('写给热线的内容')
  await lead.fill('手机号码', '15838006677')
  await lead.fill('写给热线的内容', '金水区纬五路路灯不亮')
  await lead.page.getByRole('button', { name: '发送' }).last().click()
  await lead.see('158 **** 6677')
  await lead.look('sandbox')
  await lead.leave()
})

await step('an account is made, turned off and on; its person signs in', async () => {
  const admin = await Person.at('sysadmin')
  await admin.go('/accounts')
  await admin.see('agent1')
  await admin.look('accounts')
  await admin.press('新建账号')
  await admin.fill('账号名', 'night1')
  await admin.choose('人员', '胡军', '嵩阳街道', admin.page.locator('.ant-modal .ant-select-content, .ant-modal .ant-select-selection-item').filter({ hasText: '胡军' }).first())
  await admin.fill('初始密码', 'First-2026-pass')
  await admin.look('account-new')
  await admin.page.locator('.ant-modal-footer').getByRole('button', { name: '新建账号' }).click()
  await admin.see('账号 night1 已建立')
  await admin.page.getByRole('button', { name: '停用账号' }).click()
  await admin.page.locator('.ant-modal-confirm').getByRole('button', { name: '停用账号' }).click()
  await admin.see('账号已停用')
  await admin.page.getByRole('button', { name: '启用账号' }).click()
  await admin.see('账号已启用')
  await admin.look('account')
  await admin.leave()

  const newcomer = await Person.at(null)
  newcomer.meant = ['401 /api/v1/me']
  await newcomer.go('/sign-in')
  await newcomer.fill('账号', 'night1')
  await newcomer.fill('密码', 'First-2026-pass')
  await newcomer.key('Enter')
  await newcomer.page.waitForURL((url) => !url.pathname.startsWith('/sign-in'))
  await newcomer.see('胡军')
  await newcomer.leave()
})

await step('who guards the accounts signs in with a one-time code', async () => {
  const guard = await Person.at('secadmin')
  const post = (path, data) =>
    guard.context.request.post(`${ask.url}/api/v1${path}`, { data, headers: { 'X-Requested-With': 'liandong' } })
  const { secret } = await (await post('/session/totp', {})).json()
  const confirmed = await post('/session/totp/confirm', { code: oneTimeCode(secret) })
  if (!confirmed.ok()) throw new Error(`the code was not taken: ${confirmed.status()}`)
  await guard.leave()
  const again = await Person.at(null)
  again.meant = ['401 /api/v1/me', '401 /api/v1/session']
  await again.go('/sign-in')
  await again.fill('账号', 'secadmin')
  await again.fill('密码', ask.password)
  await again.key('Enter')
  await again.page.getByLabel('动态口令').first().waitFor()
  await again.look('sign-in-code')
  // The code just used is spent; the next one is taken from the allowed skew.
  await again.page.getByLabel('动态口令').first().fill(oneTimeCode(secret, 1))
  await again.key('Enter')
  await again.page.waitForURL((url) => !url.pathname.startsWith('/sign-in'))
  await again.leave()
})

/** Every page, opened by somebody whose work is there: name, who, path, what shows that it is there. */
const PAGES = [
  ['calls', 'lead1', '/calls', '通话记录'],
  ['cases', 'dispatcher1', '/cases', TITLE],
  ['supervision', 'officer1', '/supervision', '按单位'],
  ['inbox-county', 'county1', '/inbox', '待办工单'],
  ['wall', 'lead1', '/wall/hotline', '正在排队'],
  ['orgs', 'sysadmin', '/orgs', '郑州市'],
  ['audit', 'auditor', '/audit', '审计'],
  ['plans', 'lead1', '/plans', '流程'],
  ['dead-letters', 'sysadmin', '/dead-letters', '未送达'],
]
for (const lang of ['zh', 'en']) {
  for (const [name, user, path, fact] of PAGES) {
    await step(`${name} (${lang})`, async () => {
      const person = await Person.at(user)
      await person.context.addInitScript((l) => localStorage.setItem('liandong.language', l), lang)
      await person.go(path)
      if (lang === 'zh') await person.see(fact)
      await person.page.waitForLoadState('networkidle')
      await person.look(lang === 'zh' ? name : `${name}-en`)
      await person.leave()
    })
  }
}

for (const person of [...people]) await person.leave()
await browser.close()
say({ done: true, faults })
process.exitCode = faults.length ? 1 : 0
