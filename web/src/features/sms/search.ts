/** What the address says of the message list and of the sandbox. */
export const SMS_TABS = ['all', 'queued', 'delivered', 'failed', 'received'] as const
export type SmsTab = (typeof SMS_TABS)[number]

export interface SmsSearch {
  tab?: SmsTab
  open?: string
  case?: string
  write?: boolean
}

const word = (value: unknown) => (typeof value === 'string' && value ? value.slice(0, 80) : undefined)

export function smsSearch(raw: Record<string, unknown>): SmsSearch {
  const tab = SMS_TABS.find((each) => each === raw.tab && each !== 'all')
  return {
    tab,
    open: word(raw.open),
    case: word(raw.case),
    write: raw.write === true || raw.write === 'true' || undefined,
  }
}
