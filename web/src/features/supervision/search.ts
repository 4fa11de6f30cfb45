export const SUPERVISION_VIEWS = [
  'all_overdue',
  'all_due_soon',
  'returned_often',
  'dissatisfied',
  'supervised',
  'unsigned',
] as const
export type SupervisionView = (typeof SUPERVISION_VIEWS)[number]

export function supervisionSearch(search: Record<string, unknown>): { view?: SupervisionView; q?: string } {
  return {
    view: SUPERVISION_VIEWS.find((view) => view === search.view),
    q: typeof search.q === 'string' && search.q !== '' ? search.q : undefined,
  }
}
