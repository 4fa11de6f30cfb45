/** The case list's filters, as they stand in the address: a list can be sent to a colleague. */
import type { CaseQuery } from '../../api/types'

export type CaseSearch = Pick<
  CaseQuery,
  'view' | 'q' | 'node' | 'urgency' | 'card' | 'channel' | 'class_code' | 'unit_id' | 'from' | 'to' | 'order'
>

const NAMES = [
  'view',
  'q',
  'node',
  'urgency',
  'card',
  'channel',
  'class_code',
  'unit_id',
  'from',
  'to',
  'order',
] as const

export function caseSearch(search: Record<string, unknown>): CaseSearch {
  const kept: CaseSearch = {}
  for (const name of NAMES) {
    const value = search[name]
    if ((typeof value === 'string' && value !== '') || typeof value === 'number') kept[name] = String(value)
  }
  return kept
}
