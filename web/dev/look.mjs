// Opens the pages against the mock hub in headless Chromium: pictures into shots/, axe on each, errors of the console.
//   npm run build && npm run look [-- name …]
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const BROWSER = process.env.CHROMIUM ?? '/usr/bin/chromium'
const ROOT = new URL('..', import.meta.url).pathname
const LANG = process.env.LOOK_LANG ?? 'zh'
const DESK = { width: 1440, height: 900 }
/** A zone in which it is mid-morning now: pictures of a working day at any hour. */
const hoursAhead = 10 - new Date().getUTCHours()
const ZONE = hoursAhead === 0 ? 'UTC' : `Etc/GMT${hoursAhead > 0 ? '-' : '+'}${Math.abs(hoursAhead)}`
const PHONE = { width: 390, height: 844 }

const mocks = new Map()
async function mock(scene, extra = {}) {
  const key = scene + JSON.stringify(extra)
  if (mocks.has(key)) return mocks.get(key).url
  const port = 18_100 + mocks.size
  const child = spawn(process.execPath, [`${ROOT}dev/mock.mjs`], {
    env: { ...process.env, PORT: String(port), SCENE: scene, STILL: '1', TZ: ZONE, ...extra },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await new Promise((resolve) => child.stdout.once('data', resolve))
  const url = `http://127.0.0.1:${port}`
  mocks.set(key, { url, child })
  return url
}

const type = async (page, label, text) => page.getByLabel(label, { exact: true }).first().fill(text)

/** name, scene, path, what to do before the picture, viewport */
const SHOTS = [
  ['signin', 'idle', '/sign-in', null, DESK, { SIGNED_OUT: '1' }],
  [
    'signin-totp',
    'idle',
    '/sign-in',
    async (page) => {
      await page.locator('input').nth(0).fill('sysadmin')
      await page.locator('input').nth(1).fill('demo')
      await page.keyboard.press('Enter')
      await page.waitForTimeout(600)
    },
    DESK,
    { SIGNED_OUT: '1' },
  ],
  [
    'signin-change',
    'idle',
    '/sign-in',
    async (page) => {
      await page.locator('input').nth(0).fill('agent2')
      await page.locator('input').nth(1).fill('first')
      await page.keyboard.press('Enter')
      await page.waitForTimeout(600)
      await page.locator('input').nth(0).fill('short')
    },
    DESK,
    { SIGNED_OUT: '1', FIRST: '1' },
  ],
  [
    'desk',
    'talking',
    '/desk',
    async (page) => {
      if (LANG !== 'zh') return
      await type(page, '标题', '农业路与文化路口水管爆裂，路面积水')
      await type(
        page,
        '诉求内容',
        '10 时许路口东南角供水管爆裂，积水漫过人行道约 30 米，有车辆涉水，周边两个小区停水。市民希望尽快关阀抢修，并告知来水时间。',
      )
      await type(page, '事发地点', '金水区农业路与文化路交叉口东南角')
      await page.waitForTimeout(1800)
    },
  ],
  ['desk-ringing', 'ringing', '/desk'],
  ['desk-idle', 'idle', '/desk'],
  ['desk-wrap', 'wrap', '/desk'],
  ['desk-held', 'held', '/desk'],
  [
    'desk-state',
    'idle',
    '/desk',
    async (page) => {
      await page.keyboard.press('F2')
      await page.waitForTimeout(400)
    },
  ],
  [
    'desk-transfer',
    'talking',
    '/desk',
    async (page) => {
      await page.keyboard.press('F8')
      await page.waitForTimeout(500)
    },
  ],
  [
    'desk-lost',
    'idle',
    '/desk',
    async (page, url) => {
      await fetch(`${url}/mock/down?on=1`)
      await page.waitForTimeout(800)
    },
    DESK,
    { LOST: '1' },
  ],
  [
    'palette',
    'idle',
    '/cases',
    async (page) => {
      await page.keyboard.press('Control+k')
      await page.waitForTimeout(400)
      await page.keyboard.type('水管')
      await page.waitForTimeout(200)
    },
  ],
  [
    'shortcuts',
    'talking',
    '/desk',
    async (page) => {
      await page.locator('h1').first().click({ force: true })
      await page.keyboard.press('?')
      await page.waitForTimeout(400)
    },
  ],
  [
    'calls',
    'idle',
    '/calls?call=call-3',
    async (page) => {
      await page.waitForTimeout(3500)
    },
  ],
  ['calls-empty', 'idle', '/calls?q=%E6%B2%A1%E6%9C%89%E8%BF%99%E4%B8%AA'],
  ['cases', 'idle', '/cases?view=open'],
  ['cases-overdue', 'idle', '/cases?view=overdue&urgency=normal'],
  ['case', 'idle', '/cases/case-0'],
  [
    'case-form',
    'idle',
    '/cases/case-0',
    async (page) => {
      if (LANG === 'zh') {
        await page.getByRole('button', { name: '反馈', exact: true }).click()
        await page.waitForTimeout(300)
        await page.keyboard.press('Control+Enter')
        await page.waitForTimeout(300)
      }
    },
  ],
  [
    'case-why',
    'idle',
    '/cases/case-2',
    async (page) => {
      const why = page.getByText(/为什么是|Why is/).first()
      if (await why.count()) {
        await why.click()
        await page.waitForTimeout(600)
      }
    },
  ],
  ['case-missing', 'idle', '/cases/nothing'],
  [
    'inbox',
    'idle',
    '/inbox?view=to_sign&open=case-6',
    async (page) => {
      const first = page.locator('main button[class*=item]').first()
      if (await first.count()) await first.click()
      await page.waitForTimeout(700)
    },
  ],
  ['inbox-list', 'idle', '/inbox?view=overdue'],
  [
    'cases-forbidden',
    'idle',
    '/cases',
    null,
    DESK,
    {},
    {
      status: 403,
      code: 'access.forbidden',
      detail: '查看工单需要“查看工单”权限，当前岗位没有。',
      who_may: '市热线服务中心值班长',
    },
  ],
  [
    'cases-failed',
    'idle',
    '/cases',
    null,
    DESK,
    {},
    { status: 503, code: 'store.unavailable', detail: '数据库暂时不可用，操作没有保存，请稍后重试' },
  ],
  ['cases-loading', 'idle', '/cases', null, DESK, {}, { never: true }],
  ['desk-1366', 'talking', '/desk', null, { width: 1366, height: 768 }],
  ['supervision', 'idle', '/supervision'],
  [
    'wall',
    'idle',
    '/wall/hotline',
    async (page) => {
      await page.waitForTimeout(1500)
    },
    { width: 1920, height: 1080 },
  ],
  ['track', 'idle', '/track?no=2611240073182', null, PHONE],
  [
    'track-found',
    'idle',
    '/track',
    async (page) => {
      await page.locator('#no').fill('2611240073182')
      await page.locator('#code').fill('4821')
      await page.locator('button[type=submit]').click()
      await page.waitForTimeout(600)
    },
    PHONE,
  ],
  [
    'track-rate',
    'idle',
    '/track',
    async (page) => {
      await page.locator('#no').fill('2611240073182')
      await page.locator('#code').fill('4822')
      await page.locator('button[type=submit]').click()
      await page.waitForTimeout(500)
      await page.getByText('已解决', { exact: true }).click()
      await page.locator('.rate').first().scrollIntoViewIfNeeded()
    },
    PHONE,
  ],
  [
    'track-wrong',
    'idle',
    '/track',
    async (page) => {
      await page.locator('#no').fill('2611240073180')
      await page.locator('#code').fill('4821')
      await page.locator('button[type=submit]').click()
      await page.waitForTimeout(300)
    },
    PHONE,
  ],
]

const only = process.argv.slice(2)
mkdirSync(`${ROOT}shots`, { recursive: true })
const browser = await chromium.launch({
  executablePath: BROWSER,
  args: ['--no-sandbox', '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream'],
})
let bad = 0
for (const [name, scene, path, act, viewport = DESK, env = {}, answer = null] of SHOTS) {
  if (only.length && !only.includes(name)) continue
  const url = await mock(scene, env)
  const context = await browser.newContext({
    viewport,
    locale: 'zh-CN',
    timezoneId: ZONE,
    deviceScaleFactor: viewport === PHONE ? 2 : 1,
    bypassCSP: false,
  })
  await context.addInitScript((lang) => localStorage.setItem('liandong.language', lang), LANG)
  const page = await context.newPage()
  const errors = []
  if (answer) {
    await page.route('**/api/v1/cases?*', (route) =>
      answer.never
        ? undefined
        : route.fulfill({
            status: answer.status,
            contentType: 'application/problem+json',
            body: JSON.stringify({ title: '', ...answer }),
          }),
    )
  }
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on(
    'console',
    (message) =>
      message.type() === 'error' &&
      !/40[1349]|503|ERR_|WebSocket/.test(message.text()) &&
      errors.push(message.text()),
  )
  await page.goto(url + path, { waitUntil: 'load' })
  await page.waitForTimeout(1200)
  await act?.(page, url)
  await page.screenshot({ path: `${ROOT}shots/${LANG === 'zh' ? '' : `${LANG}-`}${name}.png` })
  // Evaluated over the debugging protocol: the page's own policy stays as strict as in service.
  await page.evaluate(axe)
  const found = await page.evaluate(() =>
    window.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'] }),
  )
  const serious = found.violations.filter((each) => ['serious', 'critical'].includes(each.impact))
  const minor = found.violations.filter((each) => !serious.includes(each)).map((each) => each.id)
  console.log(
    `${name.padEnd(16)} axe serious ${serious.length}${minor.length ? `  (minor: ${minor.join(', ')})` : ''}${errors.length ? `  errors ${errors.length}` : ''}`,
  )
  for (const each of serious)
    console.log(
      `   ${each.id}: ${each.nodes
        .slice(0, 3)
        .map(
          (node) =>
            `${node.target.join(' ')} — ${(node.any[0] ?? node.all[0] ?? node.none[0])?.message ?? ''}`,
        )
        .join('\n      ')}`,
    )
  for (const error of errors.slice(0, 3)) console.log(`   ! ${error.slice(0, 300)}`)
  bad += serious.length + errors.length
  await context.close()
}
await browser.close()
for (const { child } of mocks.values()) child.kill()
process.exit(bad ? 1 : 0)
