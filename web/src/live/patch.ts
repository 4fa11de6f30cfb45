/**
 * What an event changes on the screen: which cached answers are asked again.
 *
 * Nothing is computed from an event's body beyond ids; the hub's answer stays the only truth.
 * Changes are gathered for a moment, so that a storm of events costs one question per list.
 */
import type { QueryClient, QueryKey } from '@tanstack/react-query'
import type { HubEvent } from '../api/types'

/** Gathering time: below what an eye notices, enough to fold a burst into one question. */
export const GATHER_MS = 60
/**
 * A list that was just asked for rests so long before it is asked for again. Some changes a second are each on the screen
 * at once; in a storm of them hundreds of consoles do not each ask for every list sixteen times a second.
 */
export const REST_MS = 150

/** The cache keys an event touches, by the domain of its kind and the ids it names. */
export function touchedKeys(event: HubEvent): QueryKey[] {
  const domain = event.kind.split('.')[0] ?? ''
  const keys = DOMAIN_KEYS[domain]?.(bareId(event.subject)) ?? []
  const caseId = stringField(event, 'case') ?? stringField(event, 'case_id')
  if (caseId && domain !== 'case') keys.push(['cases', 'one', caseId], ['cases', 'timeline', caseId])
  return keys
}

const DOMAIN_KEYS: Record<string, (id: string) => QueryKey[]> = {
  case: (id) => [
    ['cases', 'one', id],
    ['cases', 'timeline', id],
    ['cases', 'list'],
    ['cases', 'counts'],
    ['desk'],
    ['calls', 'caller'],
  ],
  clock: (id) => [
    ['cases', 'one', id],
    ['cases', 'list'],
    ['cases', 'counts'],
  ],
  call: (id) => [['calls', 'one', id], ['calls', 'list'], ['desk'], ['queues']],
  recording: (id) => [
    ['calls', 'one', id],
    ['calls', 'list'],
  ],
  queue: () => [['queues'], ['desk']],
  agent: () => [['desk'], ['queues']],
  // What happens to a message, a meeting, an order does not always name its case: the open timeline asks again.
  message: () => [['messages'], ['cases', 'timeline']],
  meeting: () => [['meetings'], ['cases', 'timeline']],
  order: () => [['orders'], ['responders'], ['cases', 'timeline']],
  responder: () => [['responders']],
  unit: () => [['units'], ['orgs']],
  org: () => [['orgs']],
  person: () => [['people'], ['me']],
  account: () => [['accounts'], ['me']],
  outbox: () => [['dead_letters']],
}

/** `case/018f…` and `case:018f…` name the same thing as `018f…`. */
export function bareId(subject: string): string {
  return subject.slice(Math.max(subject.lastIndexOf('/'), subject.lastIndexOf(':')) + 1)
}

function stringField(event: HubEvent, name: string): string | null {
  const value = event.body[name]
  return typeof value === 'string' ? value : null
}

/** Gathers touched keys and asks for them again together. */
export class CachePatcher {
  private readonly pending = new Map<string, QueryKey>()
  private readonly resting = new Set<string>()
  private scheduled = false

  constructor(
    private readonly client: Pick<QueryClient, 'invalidateQueries'>,
    private readonly later: (ms: number, run: () => void) => unknown,
  ) {}

  see(event: HubEvent): void {
    for (const key of touchedKeys(event)) this.pending.set(JSON.stringify(key), key)
    this.schedule()
  }

  private schedule(): void {
    if (this.scheduled || ![...this.pending.keys()].some((name) => !this.resting.has(name))) return
    this.scheduled = true
    this.later(GATHER_MS, () => this.flush())
  }

  private flush(): void {
    this.scheduled = false
    for (const [name, queryKey] of [...this.pending]) {
      if (this.resting.has(name)) continue
      this.pending.delete(name)
      if (!namesOne(queryKey)) this.rest(name)
      void this.client.invalidateQueries({ queryKey })
    }
  }

  private rest(name: string): void {
    this.resting.add(name)
    this.later(REST_MS, () => {
      this.resting.delete(name)
      this.schedule()
    })
  }
}

/** One case, one call and its timeline are open on few consoles: those are asked for each time. */
function namesOne(key: QueryKey): boolean {
  return key.length > 2
}
