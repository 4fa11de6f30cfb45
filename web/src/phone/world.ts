/** The browser as the phone's world: tab ownership, the hub's desk, the ring. */
import { ApiError, api, take } from '../api/client'
import { readPhone } from '../api/read'
import { jssipDevice } from './device'
import { NoPhone, type PhoneWorld } from './phone'
import { ring } from './ring'

const LOCK = 'liandong.phone'

/** One tab owns the phone; the next one waits and takes over when the owner is closed. */
async function own(onElsewhere: () => void): Promise<() => void> {
  const locks = navigator.locks
  if (!locks) return () => {}
  return new Promise((resolve) => {
    const hold = () => new Promise<void>((release) => resolve(() => release()))
    void locks.request(LOCK, { ifAvailable: true }, (lock) => {
      if (lock) return hold()
      onElsewhere()
      void locks.request(LOCK, hold)
      return undefined
    })
  })
}

export const browserWorld: PhoneWorld = {
  own,
  async account() {
    try {
      return readPhone(await take(api.GET('/me/sip')))
    } catch (error) {
      if (error instanceof ApiError && (error.status === 403 || error.status === 404)) throw new NoPhone()
      throw error
    }
  },
  device: jssipDevice,
  async runningCall() {
    const desk = await take(api.GET('/desk'))
    return desk.call?.state === 'talking' || desk.call?.state === 'held'
  },
  async reattach() {
    await take(api.POST('/desk/reattach'))
  },
  ring,
  later(ms, run) {
    const timer = setTimeout(run, ms)
    return () => clearTimeout(timer)
  },
}
