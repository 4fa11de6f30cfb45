/** The call log's filters, as they stand in the address. */
import type { CallQuery } from '../../api/types'

const SCOPES = ['all', 'mine', 'missed', 'recorded'] as const

export type CallSearch = Pick<
  CallQuery,
  'scope' | 'q' | 'direction' | 'result' | 'queue_id' | 'from' | 'to'
> & { call?: string }

export function callSearch(search: Record<string, unknown>): CallSearch {
  const text = (name: string) =>
    typeof search[name] === 'string' || typeof search[name] === 'number'
      ? String(search[name]) || undefined
      : undefined
  const scope = SCOPES.find((each) => each === search.scope)
  const direction = (['in', 'out', 'internal'] as const).find((each) => each === search.direction)
  return {
    scope,
    direction,
    q: text('q'),
    result: text('result'),
    queue_id: text('queue_id'),
    from: text('from'),
    to: text('to'),
    call: text('call'),
  }
}
