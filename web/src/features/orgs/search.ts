export interface OrgSearch {
  unit?: string
  q?: string
}

const word = (value: unknown) => (typeof value === 'string' && value ? value.slice(0, 80) : undefined)

export function orgSearch(raw: Record<string, unknown>): OrgSearch {
  return { unit: word(raw.unit), q: word(raw.q) }
}
