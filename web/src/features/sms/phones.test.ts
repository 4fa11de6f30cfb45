import { expect, it } from 'vitest'
import type { Message } from '../../api/ops'
import { phonesOf } from './phones'

const message = (id: string, number: string, receiver: string, at: string): Message => ({
  id,
  direction: receiver ? 'out' : 'in',
  number,
  receiver,
  text: id,
  state: 'delivered',
  reason: null,
  segments: 1,
  link: 'sandbox',
  ext: '1',
  template: null,
  case_id: null,
  created_at: at,
})

it('puts an answer on the phone of its question, the latest phone first', () => {
  const phones = phonesOf([
    message('c', '138****0001', '', '2026-11-24T10:03:00+08:00'),
    message('b', '139****0002', '李', '2026-11-24T10:02:00+08:00'),
    message('a', '138****0001', '王', '2026-11-24T10:01:00+08:00'),
  ])
  expect(phones.map((phone) => phone.messages.map((one) => one.id))).toEqual([['a', 'c'], ['b']])
})
