export interface AccountSearch {
  open?: string
}

export function accountSearch(raw: Record<string, unknown>): AccountSearch {
  return { open: typeof raw.open === 'string' && raw.open ? raw.open.slice(0, 64) : undefined }
}
