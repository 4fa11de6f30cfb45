/** Messages sorted into the phones they were exchanged with. Pure. */
import type { Message } from '../../api/ops'

export interface Phone {
  key: string
  number: string
  name: string
  /** Oldest first. */
  messages: Message[]
}

/** Numbers are masked, so that a phone is told apart by number and name; a letter without a name goes to its number. */
export function phonesOf(messages: Message[]): Phone[] {
  const phones = new Map<string, Phone>()
  for (const one of [...messages].sort((a, b) => a.created_at.localeCompare(b.created_at))) {
    const number = one.number ?? ''
    const key = keyOf(phones, number, one.receiver)
    const phone = phones.get(key) ?? { key, number, name: one.receiver, messages: [] }
    phone.messages.push(one)
    if (!phone.name) phone.name = one.receiver
    phones.set(key, phone)
  }
  return [...phones.values()].sort((a, b) => lastAt(b).localeCompare(lastAt(a)))
}

function keyOf(phones: Map<string, Phone>, number: string, name: string): string {
  if (name) return phones.has(`${number}|`) ? `${number}|` : `${number}|${name}`
  return [...phones.keys()].find((key) => key.startsWith(`${number}|`)) ?? `${number}|`
}

const lastAt = (phone: Phone) => phone.messages.at(-1)?.created_at ?? ''
