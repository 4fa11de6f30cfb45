/** What may be done with an order, and when it climbs. Pure; mirrors `dispatch/order.rs`, which decides. */
import type { Order, OrderState, Responder } from '../../api/ops'
import type { Tone } from '../../ui/Tag'

export type OrderVerb = 'accept' | 'en_route' | 'on_site' | 'done' | 'decline' | 'cancel'

const ENDS = new Set<OrderState>(['done', 'declined', 'cancelled'])
export const isOpen = (order: Order) => !ENDS.has(order.state)

/** The next step first. `handle`: who carries it out; `give`: who gave it. */
export function verbsOf(order: Order, rights: { handle: boolean; give: boolean }): OrderVerb[] {
  const own: Partial<Record<OrderState, OrderVerb[]>> = {
    given: ['accept', 'en_route', 'decline'],
    accepted: ['en_route', 'on_site', 'done'],
    en_route: ['on_site', 'done'],
    on_site: ['done'],
  }
  const acts = rights.handle || rights.give ? (own[order.state] ?? []) : []
  return rights.give && isOpen(order) ? [...acts, 'cancel'] : acts
}

/** Verbs with which something must be said. */
export const SAYS: Partial<Record<OrderVerb, 'result' | 'reason'>> = {
  done: 'result',
  decline: 'reason',
  cancel: 'reason',
}

/** When the next on the ladder is alerted: each has the same time, from the moment he was. */
export function climbsAt(order: Order, answerSeconds: number | undefined): number | null {
  if (order.state !== 'given' || order.exhausted || order.alerted < 1 || !answerSeconds) return null
  return Date.parse(order.given_at) + order.alerted * answerSeconds * 1000
}

export const ORDER_TONE: Record<OrderState, Tone> = {
  given: 'warn',
  accepted: 'primary',
  en_route: 'primary',
  on_site: 'hold',
  done: 'good',
  declined: 'danger',
  cancelled: 'neutral',
}

export const RESPONDER_TONE: Record<Responder['state'], Tone> = {
  free: 'good',
  assigned: 'warn',
  en_route: 'primary',
  on_site: 'hold',
  off_duty: 'neutral',
}

/** Shape of the dot: the state is never told by colour alone. */
export const RESPONDER_SHAPE: Record<Responder['state'], string> = {
  free: 'solid',
  assigned: 'ring',
  en_route: 'half',
  on_site: 'solid',
  off_duty: 'hollow',
}
