/** A scenario of one call, written from a form. Pure. */
export interface OneCall {
  from: string
  to: string
  /** `2026-11-24 10:00`. */
  at: string
  area: string
  agents: number
}

/** Quoted, so that no entry can become another line. */
const quoted = (text: string) => JSON.stringify(text)

export function scenarioOf(call: OneCall): string {
  const agents = Array.from(
    { length: call.agents },
    (_, i) => `  - {name: agent${i + 1}, queues: [city_hotline], answers_after: 3s, talks: 60s}`,
  )
  const parts = [
    'name: c1',
    `to: ${quoted(call.to)}`,
    call.from && `from: ${quoted(call.from)}`,
    call.area && `area: ${quoted(call.area)}`,
  ]
  return [
    'scenario: trial',
    `at: ${quoted(call.at)}`,
    call.agents > 0 ? `agents:\n${agents.join('\n')}` : 'agents: []',
    `calls:\n  - {${parts.filter(Boolean).join(', ')}}`,
    'lasts: 10m',
    'expect: []',
    '',
  ].join('\n')
}
