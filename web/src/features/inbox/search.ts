export const INBOX_VIEWS = ['to_sign', 'handling', 'due_soon', 'overdue', 'returned'] as const
export type InboxView = (typeof INBOX_VIEWS)[number]

export function inboxSearch(search: Record<string, unknown>): { view?: InboxView; open?: string } {
  return {
    view: INBOX_VIEWS.find((view) => view === search.view),
    open: typeof search.open === 'string' ? search.open : undefined,
  }
}
