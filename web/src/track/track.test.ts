import { expect, it } from 'vitest'
import { readTracked } from './track'

it('shows the hub’s public view', () => {
  const view = {
    public_no: '2611240073182',
    title: '水管爆裂',
    status: '办理单位正在处理',
    step: 4,
    ended: false,
    unit: '自来水公司',
    promised_at: null,
    reported_at: '2026-11-24T02:00:00Z',
    steps: [{ at: '2026-11-24T02:00:00Z', text: '已收到' }],
  }
  expect(readTracked(view)).toMatchObject({
    state: 'handling',
    received_at: '2026-11-24T02:00:00Z',
    steps: [{ title: '已收到', text: undefined }],
    place: undefined,
  })
})
it('an ended case is closed', () => expect(readTracked({ step: 4, ended: true }).state).toBe('closed'))
it('survives anything', () => {
  for (const value of [null, 1, [], { steps: 'x' }]) expect(readTracked(value).steps).toEqual([])
})
