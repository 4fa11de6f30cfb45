import { expect, describe as group, it } from 'vitest'
import type { HubEvent } from '../../api/types'
import { eventByEvent, story } from './story'

const say = {
  raw: (key: string, options?: Record<string, unknown>) =>
    options && 'name' in options ? `${key}(${String(options.name)})` : key,
  code: (_: string, value: unknown) => String(value ?? ''),
}
let seq = 0
const event = (
  kind: string,
  subject: string,
  minute: number,
  body: Record<string, unknown> = {},
): HubEvent => ({
  site: 'a',
  seq: (seq += 1),
  at: new Date(Date.UTC(2026, 10, 24, 10, minute)).toISOString(),
  kind,
  subject,
  body,
})

const MATTER = [
  event('case.captured', 'case:1', 0),
  event('message.queued', 'message:1', 1, { text: '已登记' }),
  event('order.given', 'order:1', 2, { text: '抢修' }),
  event('message.submitted', 'message:1', 3),
  event('order.alerted', 'order:1', 3, { step: 1, name: '王' }),
  event('order.alerted', 'order:1', 4, { step: 2, name: '李' }),
  event('order.accepted', 'order:1', 5),
  event('message.delivered', 'message:1', 6),
  event('meeting.created', 'meeting:1', 7, { title: '会商' }),
  event('meeting.started', 'meeting:1', 8),
  event('meeting.joined', 'meeting:1', 8, { name: '周涛' }),
  event('meeting.ended', 'meeting:1', 20),
]

group('a story', () => {
  it('tells each message, order and meeting once, with what came of it', () => {
    const entries = story(MATTER, say)
    expect(entries.map((entry) => entry.key)).toEqual(['a/1', 'message:1', 'order:1', 'meeting:1'])
    expect(entries[1]?.told.tag?.tone).toBe('good')
    expect(entries[2]?.told.tag?.text).toBe('dispatch.order_state.accepted')
    expect(entries[3]?.until).toBe(MATTER.at(-1)?.at)
  })
  it('gives an order the course it took, the second on the ladder included', () => {
    const order = story(MATTER, say).find((entry) => entry.key === 'order:1')
    expect(order?.course?.map((step) => step.text)).toEqual([
      'event.course.given',
      'event.course.alerted(李)',
      'event.course.accepted',
    ])
    expect(order?.at).toBe(order?.course?.at(-1)?.at)
  })
  it('loses nothing event by event', () => {
    expect(eventByEvent(MATTER, say)).toHaveLength(MATTER.length)
  })
})
