// A participant in a browser with the unchanged livekit-client: publishes a fake camera and microphone, and prints what
// it got of the others as one line of JSON. Arguments: JSON {url, token, page, modules, single, seconds, drop}; `drop`
// cuts the signal socket in the middle, and again with everything.
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const ask = JSON.parse(process.argv[2])
const require = createRequire(join(ask.modules, 'package.json'))
const { chromium } = require('playwright-core')
const sdk = join(dirname(require.resolve('livekit-client')), 'livekit-client.umd.js')

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--use-fake-ui-for-media-stream',
    '--use-fake-device-for-media-stream',
    '--autoplay-policy=no-user-gesture-required',
  ],
})
try {
  const context = await browser.newContext({ bypassCSP: true })
  const page = await context.newPage()
  page.on('console', (m) => process.stderr.write(`browser: ${m.text()}\n`))
  await page.goto(ask.page)
  await page.addScriptTag({ path: sdk })
  const got = await page.evaluate(meet, ask)
  process.stdout.write(`${JSON.stringify(got)}\n`)
} finally {
  await browser.close()
}

async function meet(ask) {
  const { Room, RoomEvent, Track } = window.LivekitClient
  const room = new Room({ adaptiveStream: false, dynacast: true, singlePeerConnection: ask.single })
  const got = { single: ask.single, frames: 0, energy: 0, data: [], speakers: 0, muted: 0, width: 0, left: '', identity: '', events: [] }
  room.on(RoomEvent.SignalReconnecting, () => got.events.push('signal'))
  room.on(RoomEvent.Reconnecting, () => got.events.push('reconnecting'))
  room.on(RoomEvent.Reconnected, () => got.events.push('reconnected'))
  const remote = new Map()
  room.on(RoomEvent.TrackSubscribed, (track) => {
    const element = track.attach()
    element.muted = false
    document.body.append(element)
    remote.set(track.sid, track)
  })
  room.on(RoomEvent.TrackUnsubscribed, (track) => remote.delete(track.sid))
  room.on(RoomEvent.DataReceived, (bytes, from, _kind, topic) =>
    got.data.push([from?.identity ?? '', topic ?? '', new TextDecoder().decode(bytes)]),
  )
  room.on(RoomEvent.TrackMuted, () => got.muted++)
  room.on(RoomEvent.Disconnected, (reason) => {
    got.left = `${reason}`
  })
  await room.connect(ask.url, ask.token)
  got.identity = room.localParticipant.identity
  await room.localParticipant.enableCameraAndMicrophone()
  const until = Date.now() + ask.seconds * 1000
  let enough
  while (Date.now() < until) {
    await new Promise((done) => setTimeout(done, 250))
    await room.localParticipant.publishData(new TextEncoder().encode('你好'), { reliable: true, topic: 'test' })
    // The state, not the event: who spoke already when we came is told before the SDK gives events.
    got.speakers = Math.max(got.speakers, room.activeSpeakers.length)
    for (const track of remote.values()) {
      const report = await track.getRTCStatsReport()
      report?.forEach((s) => {
        if (s.type !== 'inbound-rtp') return
        if (track.kind === Track.Kind.Video) {
          got.frames = Math.max(got.frames, s.framesDecoded ?? 0)
          got.width = Math.max(got.width, s.frameWidth ?? 0)
        } else got.energy = Math.max(got.energy, s.totalAudioEnergy ?? 0)
      })
    }
    if (got.left) break
    if (ask.drop && got.frames > 30 && !got.drops) {
      got.drops = 1
      await room.simulateScenario('signal-reconnect')
      await new Promise((done) => setTimeout(done, 4000))
      await room.simulateScenario('full-reconnect')
      await new Promise((done) => setTimeout(done, 6000))
      got.frames = 0
    }
    // When all was seen, stay a little: the other must see as much.
    if (got.frames > 100 && got.energy > 0.001 && got.data.length > 0) enough ??= Date.now() + 6000
    if (enough && Date.now() > enough) break
  }
  got.participants = [...room.remoteParticipants.values()].map((p) => [p.identity, p.name ?? ''])
  await room.disconnect()
  return got
}
