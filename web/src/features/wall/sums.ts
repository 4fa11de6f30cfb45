/** The queues together. Rates are added as numerators and denominators, never averaged. */
import type { AgentState, Queue } from '../../api/types'

export interface Sums {
  waiting: number
  /** Since when the longest waiting caller waits. */
  oldest: string | null
  serviceLevel: number | null
  connectRate: number | null
  withinS: number
  offered: number
  answered: number
  abandoned: number
  averageWaitMs: number
  agents: Record<AgentState, number>
  online: number
  trend: { at: string; offered: number; answered: number }[]
  topics: { name: string; count: number }[]
}

/** So many lines fit the block at readable size. */
const TOPICS_SHOWN = 6
const STATES: AgentState[] = ['offline', 'not_ready', 'ready', 'reserved', 'talking', 'after_call']

export function sumQueues(queues: Queue[]): Sums {
  const agents = sumAgents(queues)
  const answered = sum(queues, (queue) => queue.today.answered)
  const waits = queues.flatMap((queue) => queue.waiting.map((each) => each.since)).sort()
  return {
    waiting: waits.length,
    oldest: waits[0] ?? null,
    serviceLevel: ratio(queues, (queue) => queue.service_level),
    connectRate: ratio(queues, (queue) => queue.connect_rate),
    withinS: queues[0]?.service_level.within_s ?? 15,
    offered: sum(queues, (queue) => queue.today.offered),
    answered,
    abandoned: sum(queues, (queue) => queue.today.abandoned),
    averageWaitMs:
      answered > 0
        ? sum(queues, (queue) => queue.today.average_wait_ms * queue.today.answered) / answered
        : 0,
    agents,
    online: STATES.reduce((total, state) => total + (state === 'offline' ? 0 : agents[state]), 0),
    trend: sumTrend(queues),
    topics: sumTopics(queues),
  }
}

const sum = (queues: Queue[], of: (queue: Queue) => number) =>
  queues.reduce((total, queue) => total + of(queue), 0)

function ratio(
  queues: Queue[],
  of: (queue: Queue) => { numerator: number; denominator: number },
): number | null {
  const below = sum(queues, (queue) => of(queue).denominator)
  return below > 0 ? sum(queues, (queue) => of(queue).numerator) / below : null
}

/** An agent in two queues is one agent. */
function sumAgents(queues: Queue[]): Record<AgentState, number> {
  const seats = new Map(
    queues.flatMap((queue) => queue.seats.map((seat) => [seat.agent_id, seat.state] as const)),
  )
  const counts = Object.fromEntries(STATES.map((state) => [state, 0])) as Record<AgentState, number>
  for (const state of seats.values()) counts[state] += 1
  if (seats.size === 0)
    for (const queue of queues) for (const state of STATES) counts[state] += queue.agents[state] ?? 0
  return counts
}

function sumTrend(queues: Queue[]): Sums['trend'] {
  const slots = new Map<string, { at: string; offered: number; answered: number }>()
  for (const each of queues.flatMap((queue) => queue.trend)) {
    const slot = slots.get(each.at) ?? { at: each.at, offered: 0, answered: 0 }
    slots.set(each.at, {
      at: each.at,
      offered: slot.offered + each.offered,
      answered: slot.answered + each.answered,
    })
  }
  return [...slots.values()].sort((a, b) => a.at.localeCompare(b.at))
}

function sumTopics(queues: Queue[]): Sums['topics'] {
  const counts = new Map<string, number>()
  for (const topic of queues.flatMap((queue) => queue.topics))
    counts.set(topic.name, (counts.get(topic.name) ?? 0) + topic.count)
  return [...counts]
    .map(([name, count]) => ({ name, count }))
    .sort((a, b) => b.count - a.count)
    .slice(0, TOPICS_SHOWN)
}
