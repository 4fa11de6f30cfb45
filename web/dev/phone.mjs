// Tries the browser phone with real WebRTC: a second page plays the hub's media side. Ring, answer by F3, speech both
// ways (energy of the fake microphone's beeps), mute, a reload in mid-call, hang-up.
//   npm run build && npm run phone
import { spawn } from 'node:child_process'
import { chromium } from 'playwright-core'

const ROOT = new URL('..', import.meta.url).pathname
const PORT = 18_300
const url = `http://127.0.0.1:${PORT}`
const hub = spawn(process.execPath, [`${ROOT}dev/mock.mjs`], {
  env: { ...process.env, PORT: String(PORT), SCENE: 'idle', STILL: '1', BY_HAND: '1' },
  stdio: ['ignore', 'pipe', 'inherit'],
})
await new Promise((resolve) => hub.stdout.once('data', resolve))
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--use-fake-ui-for-media-stream',
    '--use-fake-device-for-media-stream',
    '--autoplay-policy=no-user-gesture-required',
    '--disable-features=WebRtcHideLocalIpsWithMdns',
  ],
})
const context = await browser.newContext({
  viewport: { width: 1440, height: 900 },
  locale: 'zh-CN',
  permissions: ['microphone'],
})
const agent = await context.newPage()
const far = await context.newPage()
agent.setDefaultTimeout(10_000)
await agent.addInitScript(() => {
  const Real = RTCPeerConnection
  window.connections = []
  window.RTCPeerConnection = class extends Real {
    constructor(...args) {
      super(...args)
      window.connections.push(this)
    }
  }
})
await far.goto(`${url}/healthz`)

/** The far end offers; the browser phone's answer is applied as soon as it has come. */
const call = (reattach) =>
  far.evaluate(async (again) => {
    window.link?.close()
    const link = new RTCPeerConnection()
    window.link = link
    const mic = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    })
    link.addTrack(mic.getAudioTracks()[0], mic)
    link.ontrack = ({ streams }) => {
      const audio = new Audio()
      audio.srcObject = streams[0]
      void audio.play()
      window.audio = audio
    }
    await link.setLocalDescription(await link.createOffer())
    await new Promise((resolve) => {
      if (link.iceGatheringState === 'complete') resolve()
      link.onicegatheringstatechange = () => link.iceGatheringState === 'complete' && resolve()
    })
    const answer = await fetch('/mock/invite', {
      method: 'POST',
      body: JSON.stringify({ sdp: link.localDescription.sdp, reattach: again }),
    }).then((r) => r.json())
    if (answer.error) throw new Error(answer.error)
    await link.setRemoteDescription({ type: 'answer', sdp: answer.sdp })
  }, reattach)

/** Energy heard in `ms`, by the far end or by the agent. */
const heard = async (page, which, ms = 1500) => {
  const read = () =>
    page.evaluate(async (name) => {
      const connection = name === 'far' ? window.link : window.connections.at(-1)
      let energy = 0
      for (const report of (await connection.getStats()).values())
        if (report.type === 'inbound-rtp') energy = report.totalAudioEnergy ?? 0
      return energy
    }, which)
  const before = await read()
  await page.waitForTimeout(ms)
  return (await read()) - before
}
const expect = (what, ok, value) => {
  console.log(`${ok ? 'ok   ' : 'FAIL '} ${what}${value === undefined ? '' : `  ${value}`}`)
  if (!ok) process.exitCode = 1
}
/** A voice is far above this, silence far below. */
const AUDIBLE = 1e-4

try {
  await agent.goto(`${url}/desk`)
  await agent.getByText('等待来电').first().waitFor()
  await agent.waitForTimeout(1000)
  await fetch(`${url}/mock/scene?name=ringing`)
  const first = call(false)
  await agent.getByRole('button', { name: /接听/ }).and(agent.locator(':enabled')).waitFor()
  expect('rings', true)
  await agent.keyboard.press('F3')
  await first
  await fetch(`${url}/mock/scene?name=answered`)
  await agent.getByRole('button', { name: /挂断/ }).waitFor()
  await agent.waitForTimeout(1500)
  const toFar = await heard(far, 'far')
  const toAgent = await heard(agent, 'agent')
  expect('the caller hears the agent', toFar > AUDIBLE, toFar.toExponential(2))
  expect('the agent hears the caller', toAgent > AUDIBLE, toAgent.toExponential(2))
  await agent.keyboard.press('F7')
  await agent.getByText('已静音').first().waitFor()
  await agent.waitForTimeout(400)
  const muted = await heard(far, 'far')
  expect('muted is silent', muted < AUDIBLE, muted.toExponential(2))
  await agent.keyboard.press('F7')
  await agent.getByText('已静音').first().waitFor({ state: 'detached' })

  await agent.reload()
  await agent.getByRole('button', { name: /挂断/ }).waitFor()
  await agent.waitForTimeout(1500)
  const asked = await fetch(`${url}/mock/reattach_asked`).then((answer) => answer.text())
  expect('a reload asks the hub for the leg, once', asked === '1', asked)
  await call(true)
  await agent.getByText('已恢复通话').first().waitFor()
  await agent.waitForTimeout(1500)
  const again = await heard(far, 'far')
  expect(
    'after the reload the caller hears the agent again, nobody pressed a key',
    again > AUDIBLE,
    again.toExponential(2),
  )

  await agent.keyboard.press('F4')
  await agent.getByText('话后处理').first().waitFor()
  await agent.waitForTimeout(500)
  const closed = await agent.evaluate(() =>
    window.connections.every((each) => each.connectionState === 'closed'),
  )
  expect('hang-up closes the leg', closed)
} catch (error) {
  expect(String(error).split('\n').slice(0, 5).join(' | '), false)
  await agent.screenshot({ path: `${ROOT}shots/fail-phone.png` })
}
await browser.close()
hub.kill()
