export interface MeetingSearch {
  open?: string
  all?: boolean
  create?: boolean
  case?: string
}

const word = (value: unknown) => (typeof value === 'string' && value ? value.slice(0, 64) : undefined)
const yes = (value: unknown) => value === true || value === 'true' || undefined

export function meetingSearch(raw: Record<string, unknown>): MeetingSearch {
  return {
    open: word(raw.open),
    all: yes(raw.all),
    // A case in the address means: call a meeting about it.
    create: yes(raw.create) ?? (word(raw.case) ? true : undefined),
    case: word(raw.case),
  }
}
