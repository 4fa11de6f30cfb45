export interface DispatchSearch {
  order?: string
  responder?: string
  case?: string
  all?: boolean
  give?: boolean
}

const word = (value: unknown) => (typeof value === 'string' && value ? value.slice(0, 64) : undefined)
const yes = (value: unknown) => value === true || value === 'true' || undefined

export function dispatchSearch(raw: Record<string, unknown>): DispatchSearch {
  return {
    order: word(raw.order),
    responder: word(raw.responder),
    case: word(raw.case),
    all: yes(raw.all),
    give: yes(raw.give) ?? (word(raw.case) && !word(raw.order) ? true : undefined),
  }
}
