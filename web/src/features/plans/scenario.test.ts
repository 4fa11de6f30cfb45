import { expect, it } from 'vitest'
import { scenarioOf } from './scenario'

it('writes one call, quoting what was typed', () => {
  const text = scenarioOf({
    from: '13800138000',
    to: '12345"\n',
    at: '2026-11-24 10:00',
    area: '',
    agents: 1,
  })
  expect(text).toContain('at: "2026-11-24 10:00"')
  expect(text).toContain('{name: c1, to: "12345\\"\\n", from: "13800138000"}')
  expect(text).toContain('  - {name: agent1, queues: [city_hotline], answers_after: 3s, talks: 60s}')
})

it('leaves out what was not said', () => {
  const text = scenarioOf({ from: '', to: '12345', at: '2026-11-24 10:00', area: '金水区', agents: 0 })
  expect(text).toContain('agents: []')
  expect(text).toContain('{name: c1, to: "12345", area: "金水区"}')
})
