export const AUDIT_KINDS = [
  'access.signed_in',
  'access.signed_out',
  'access.sign_in_refused',
  'access.locked',
  'access.refused',
  'access.personal_read',
  'access.recording_played',
  'access.changed',
] as const

export interface AuditSearch {
  kind?: string
  person?: string
  name?: string
  open?: number
}

const word = (value: unknown) => (typeof value === 'string' && value ? value.slice(0, 80) : undefined)

export function auditSearch(raw: Record<string, unknown>): AuditSearch {
  const open = Number(raw.open)
  return {
    kind: AUDIT_KINDS.find((kind) => kind === raw.kind),
    person: word(raw.person),
    name: word(raw.name),
    open: Number.isSafeInteger(open) && open > 0 ? open : undefined,
  }
}
