import type { CaseQuery } from '../../api/types'

/** What supervision looks at, and what each asks the hub for. */
const ASKS = {
  supervision: { box: 'supervision' },
  all_overdue: { ended: false, card: 'red', sort: 'due' },
  all_due_soon: { ended: false, card: 'yellow', sort: 'due' },
  unsigned: { node: 'assigned', card: 'red', sort: 'due' },
  returned_often: { box: 'returned' },
} as const satisfies Record<string, CaseQuery>

export type SupervisionView = keyof typeof ASKS
export const SUPERVISION_VIEWS = Object.keys(ASKS) as SupervisionView[]

export function supervisionQuery(view: SupervisionView, q: string | undefined): CaseQuery {
  return { ...ASKS[view], ...(q ? { q } : {}) }
}

export function supervisionSearch(search: Record<string, unknown>): { view?: SupervisionView; q?: string } {
  return {
    view: SUPERVISION_VIEWS.find((view) => view === search.view),
    q: typeof search.q === 'string' && search.q !== '' ? search.q : undefined,
  }
}
