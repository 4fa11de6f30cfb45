/** The case list's filters, as they stand in the address: a list can be sent to a colleague. */
import type { CaseQuery } from '../../api/types'

export const CASE_VIEWS = ['open', 'mine', 'due_soon', 'overdue', 'closed', 'all'] as const
export type CaseView = (typeof CASE_VIEWS)[number]

export interface CaseSearch {
  view?: CaseView
  q?: string
  node?: string
  urgency?: string
  card?: string
  class_code?: string
  unit?: string
  sort?: string
}

const TEXTS = ['q', 'node', 'urgency', 'card', 'class_code', 'unit', 'sort'] as const

export function caseSearch(search: Record<string, unknown>): CaseSearch {
  const kept: CaseSearch = {}
  const view = CASE_VIEWS.find((each) => each === search.view)
  if (view) kept.view = view
  for (const name of TEXTS) {
    const value = search[name]
    if ((typeof value === 'string' && value !== '') || typeof value === 'number') kept[name] = String(value)
  }
  return kept
}

/** What each view asks the hub for. */
const ASKS: Record<CaseView, CaseQuery> = {
  open: { ended: false },
  mine: { box: 'mine' },
  due_soon: { ended: false, card: 'yellow' },
  overdue: { ended: false, card: 'red' },
  closed: { ended: true },
  all: {},
}

export function caseQueryOf({ view, sort, ...filter }: CaseSearch): CaseQuery {
  return { ...filter, ...ASKS[view ?? 'all'], ...(sort === 'due' ? { sort: 'due' } : {}) }
}
