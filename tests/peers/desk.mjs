// An agent at the real console in a real browser. Argument: JSON {url, user, password, tone, caller, modules}: `tone` is
// a sound file for the fake microphone, `caller` the frequency in Hz of the tone that the caller sends. Takes one step a
// line ({"step": NAME}) and says {"event": NAME, …} when it is done, {"event": "failed", …} when it is not.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const ask = JSON.parse(process.argv[2])
const { chromium } = createRequire(join(ask.modules, 'package.json'))('playwright-core')
/** How long a fact may take on a busy machine; below the patience of who gives the steps, so that the screen is told. */
const PATIENCE = 90_000

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--use-fake-ui-for-media-stream',
    '--use-fake-device-for-media-stream',
    `--use-file-for-fake-audio-capture=${ask.tone}`,
    '--autoplay-policy=no-user-gesture-required',
  ],
})
const context = await browser.newContext({
  viewport: { width: 1440, height: 900 },
  locale: 'zh-CN',
  permissions: ['microphone'],
})
const page = await context.newPage()
page.setDefaultTimeout(PATIENCE)
page.on('console', (m) => m.type() === 'error' && process.stderr.write(`browser: ${m.text()}\n`))
page.on('pageerror', (error) => process.stderr.write(`browser: ${error}\n`))
// The console's own connections, so that the sound that comes in can be measured. Nothing is changed in them.
await page.addInitScript(() => {
  const Real = RTCPeerConnection
  window.connections = []
  window.RTCPeerConnection = class extends Real {
    constructor(...args) {
      super(...args)
      window.connections.push(this)
    }
  }
})

const see = (text) => page.getByText(text).first().waitFor()
const field = (label) => page.getByLabel(label, { exact: true }).first()
const hangUp = () => page.getByRole('button', { name: /挂断/ }).waitFor()

const steps = {
  async sign_in() {
    await page.goto(`${ask.url}/desk`)
    await field('账号').fill(ask.user)
    await field('密码').fill(ask.password)
    await page.keyboard.press('Enter')
    await page.waitForURL('**/desk')
    await page.getByRole('button', { name: '切换为空闲' }).waitFor()
  },
  async ready() {
    await page.getByRole('button', { name: '切换为空闲' }).click()
    await see('等待来电')
  },
  async answer() {
    await page.getByRole('button', { name: /接听/ }).and(page.locator(':enabled')).waitFor()
    await page.keyboard.press('F3')
    await hangUp()
  },
  /** The loudest frequency of what comes in is the caller's tone, ten looks in a row. */
  async hear() {
    const heard = await page.evaluate(listen, [ask.caller, PATIENCE])
    if (!heard.enough) throw new Error(`heard no ${ask.caller} Hz: ${JSON.stringify(heard)}`)
    return heard
  },
  async type() {
    await field('标题').fill('农业路水管爆裂')
    await field('诉求内容').fill('路口水管爆裂，积水漫过人行道。')
    await see(/草稿 .* 已存/)
  },
  /** The page goes and comes; nobody presses a key. */
  async reload() {
    await page.reload()
    await hangUp()
    await see('已恢复通话')
    await page.waitForFunction(() =>
      [...document.querySelectorAll('input')].some((input) => input.value === '农业路水管爆裂'),
    )
  },
  async open_case() {
    await field('事发地点').fill('金水区农业路与文化路口')
    await page.getByLabel('事项分类').first().click()
    await page.getByRole('menuitemcheckbox', { name: '供水排水' }).click()
    await page.getByRole('menuitemcheckbox', { name: '供水管道爆裂' }).click()
    await page.keyboard.press('Control+Enter')
    const words = page.getByText(/请念给市民：工单号 [\d ]+，查询码 \d+/).first()
    await words.waitFor()
    return { words: await words.textContent() }
  },
  async hang_up() {
    await page.keyboard.press('F4')
    await see('话后处理')
  },
  async wrap_up() {
    const codes = page.getByRole('radio')
    if (await codes.count()) await codes.first().click()
    await page.getByRole('button', { name: '完成', exact: true }).click()
    await see('等待来电')
  },
}

async function listen([wanted, patience]) {
  const context = new AudioContext()
  const until = Date.now() + patience
  let row = 0
  let loudest = 0
  while (Date.now() < until && row < 10) {
    await new Promise((done) => setTimeout(done, 100))
    const link = window.connections.findLast((each) => each.connectionState === 'connected')
    const track = link?.getReceivers().find((each) => each.track.kind === 'audio')?.track
    if (!track) continue
    if (window.listened !== track.id) {
      window.listened = track.id
      window.ear = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 })
      context.createMediaStreamSource(new MediaStream([track])).connect(window.ear)
    }
    const bins = new Float32Array(window.ear.frequencyBinCount)
    window.ear.getFloatFrequencyData(bins)
    const at = bins.indexOf(Math.max(...bins))
    loudest = (at * context.sampleRate) / window.ear.fftSize
    row = bins[at] > -70 && Math.abs(loudest - wanted) < 15 ? row + 1 : 0
  }
  return { enough: row >= 10, loudest, connections: window.connections.map((each) => each.connectionState) }
}

const say = (event, fields) => process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`)
try {
  for await (const line of createInterface({ input: process.stdin })) {
    const { step } = JSON.parse(line)
    try {
      say(step, await steps[step]())
    } catch (error) {
      const screen = await page.evaluate(() => document.body.innerText.slice(0, 2_000)).catch(() => '')
      say('failed', { step, why: String(error).slice(0, 2_000), screen })
    }
  }
} finally {
  await browser.close()
}
