/** The hub's working lists (`box`), in the order of a case's way. */
export const INBOX_VIEWS = [
  'to_dispatch',
  'to_sign',
  'handling',
  'due_soon',
  'overdue',
  'returned',
  'to_check',
] as const
export type InboxView = (typeof INBOX_VIEWS)[number]

export function inboxSearch(search: Record<string, unknown>): { view?: InboxView; open?: string } {
  return {
    view: INBOX_VIEWS.find((view) => view === search.view),
    open: typeof search.open === 'string' ? search.open : undefined,
  }
}
