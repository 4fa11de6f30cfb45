// Walks through the console as an agent and a handler would, against the mock hub: each step waits for a fact.
//   npm run build && npm run walk
import { spawn } from 'node:child_process'
import { chromium } from 'playwright-core'

const ROOT = new URL('..', import.meta.url).pathname
const PORT = 18_200
const url = `http://127.0.0.1:${PORT}`
const hub = spawn(process.execPath, [`${ROOT}dev/mock.mjs`], {
  env: { ...process.env, PORT: String(PORT), SCENE: 'talking', SIGNED_OUT: '1', STILL: '1' },
  stdio: ['ignore', 'pipe', 'inherit'],
})
await new Promise((resolve) => hub.stdout.once('data', resolve))
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream'],
})
const page = await (
  await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'zh-CN' })
).newPage()
page.setDefaultTimeout(8_000)
const errors = []
page.on('pageerror', (error) => errors.push(String(error)))

const see = (text) => page.getByText(text).first().waitFor()
const gone = (text) => page.getByText(text).first().waitFor({ state: 'detached' })
const fill = (label, text) => page.getByLabel(label, { exact: true }).first().fill(text)

const steps = {
  'an unknown password is refused in words': async () => {
    await page.goto(`${url}/cases?view=open`)
    await fill('账号', 'agent1')
    await fill('密码', 'wrong')
    await page.keyboard.press('Enter')
    await see('账号或密码不正确')
  },
  'sign-in leads to the page that was asked for': async () => {
    await fill('密码', 'demo')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/cases?view=open')
    await see('工单列表')
  },
  'the running call is shown on other pages and leads back': async () => {
    await page.getByRole('button', { name: /回到通话/ }).click()
    await page.waitForURL('**/desk')
    await see('受理登记')
  },
  'the form is saved as typed, and is there after a reload': async () => {
    await fill('标题', '黄河路热力管道漏水')
    await fill('诉求内容', '井盖处冒热水，路面结冰，行人滑倒。')
    await see(/草稿 .* 已存/)
    await page.reload()
    await page.waitForFunction(() =>
      [...document.querySelectorAll('input')].some((input) => input.value === '黄河路热力管道漏水'),
    )
  },
  'a missing field is named and nothing is sent': async () => {
    await page.keyboard.press('Control+Enter')
    await see('请填写')
  },
  'hold and mute by keys, while typing': async () => {
    await page.getByLabel('标题', { exact: true }).focus()
    await page.keyboard.press('F6')
    await see('已保持')
    await page.keyboard.press('F6')
    await gone('已保持')
    await page.keyboard.press('F7')
    await see('已静音')
    await page.keyboard.press('F7')
    await gone('已静音')
  },
  'the case is filed in one stroke': async () => {
    await fill('事发地点', '金水区黄河路与经三路')
    await page.getByLabel('事项分类').first().click()
    await page.getByRole('menuitemcheckbox', { name: '供暖' }).click()
    await page.getByRole('menuitemcheckbox', { name: '管网漏水' }).click()
    await page.keyboard.press('Control+Enter')
    await see(/请念给市民：工单号 \d{6} \d{3} \d{4}，查询码 \d{4}/)
  },
  'hanging up leads to after-call work, an outcome to ready': async () => {
    await page.keyboard.press('F4')
    await see('话后处理')
    await page.getByRole('radio', { name: '已建工单' }).click()
    await page.getByRole('button', { name: '完成', exact: true }).click()
    await see('等待来电')
  },
  'the state changes by F2': async () => {
    await page.keyboard.press('F2')
    await page.getByRole('menuitem', { name: '就餐' }).click()
    await page.getByText('就餐').first().waitFor()
  },
  'a lost link is told, and the console catches up': async () => {
    await fetch(`${url}/mock/down?on=1`)
    await see(/数据截至 \d\d:\d\d:\d\d，正在重新连接/)
    await fetch(`${url}/mock/down?on=0`)
    await page.getByRole('button', { name: '立即重连' }).click()
    await see('实时')
  },
  'a handler signs, and the list moves by itself': async () => {
    await page.getByRole('link', { name: '待办' }).click()
    const first = page.locator('main button[class*=item]').first()
    const title = await first.locator('b').textContent()
    await first.click()
    await page.locator('main header').getByRole('button', { name: '签收', exact: true }).click()
    await see('签收已完成')
    await page.locator('main header', { hasText: title }).getByText('办理中', { exact: true }).waitFor()
  },
  'a verb form says what is missing, then does it': async () => {
    await page.getByRole('link', { name: '打开全页' }).click()
    await page.getByRole('button', { name: '反馈', exact: true }).first().click()
    await page.keyboard.press('Control+Enter')
    await see('请填写')
    await page.getByLabel('办理结果').first().click()
    await page.locator('.ant-select-item-option', { hasText: '已解决' }).first().click()
    await fill('办理情况和答复意见', '管道已更换，路面积水已清理，恢复供水。')
    await page.keyboard.press('Control+Enter')
    await see('反馈已完成')
    await see('待核查')
  },
  'the command bar finds a page': async () => {
    await page.keyboard.press('Control+k')
    await page.keyboard.type('通话')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/calls**')
  },
  'English and back': async () => {
    await page.getByRole('button', { name: '账号菜单' }).click()
    await page.getByRole('menuitem', { name: 'English' }).click()
    await see('Call log')
    await page.getByRole('button', { name: 'Account menu' }).click()
    await page.getByRole('menuitem', { name: '中文' }).click()
    await see('通话记录')
  },
  'signing out forgets': async () => {
    await page.getByRole('button', { name: '账号菜单' }).click()
    await page.getByRole('menuitem', { name: '退出登录' }).click()
    await page.waitForURL('**/sign-in**')
  },
}

let failed = 0
for (const [name, run] of Object.entries(steps)) {
  try {
    await run()
    console.log(`ok    ${name}`)
  } catch (error) {
    failed += 1
    console.log(`FAIL  ${name}\n      ${String(error).split('\n').slice(0, 4).join('\n      ')}`)
    await page.screenshot({ path: `${ROOT}shots/fail-${failed}.png` })
  }
}
for (const error of errors) console.log(`!     ${error.slice(0, 300)}`)
await browser.close()
hub.kill()
process.exit(failed || errors.length ? 1 : 0)
