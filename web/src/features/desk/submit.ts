/** From the form to a case: create it, then go the way the agent chose as far as the hub's verbs allow. */
import { api, take } from '../../api/client'
import { readCase } from '../../api/read'
import type { Case, NewCase } from '../../api/types'
import type { IntakeForm } from './intake'
import { placeOf } from './point'

export type Way =
  | { kind: 'dispatch'; unit_id: string }
  | { kind: 'answer'; answer_text: string }
  | { kind: 'register' }

export interface Outcome {
  case: Case
  /** The case exists, but the way was not gone to its end. */
  error?: unknown
}

export function newCase(form: IntakeForm, callId: string | null): NewCase {
  return {
    channel: callId ? 'call' : form.channel,
    nature: form.nature,
    class_code: form.class_code,
    urgency: form.urgency,
    title: form.title.trim(),
    narrative: form.narrative.trim(),
    demand: form.demand.trim() || undefined,
    place: { text: form.place.trim(), ...placeOf(form.point) },
    requester: { name: form.name.trim() || undefined, phone: form.phone.trim() || undefined },
    call_id: callId ?? undefined,
  }
}

export async function submit(form: IntakeForm, callId: string | null, way: Way): Promise<Outcome> {
  const created = readCase(await take(api.POST('/cases', { body: newCase(form, callId) })))
  try {
    return { case: await goOn(created, way) }
  } catch (error) {
    return { case: created, error }
  }
}

/** Dispatches a case that was registered first, for instance where the duty list proposes. */
export async function dispatch(one: Case, unit_id: string): Promise<Outcome> {
  try {
    return { case: await goOn(one, { kind: 'dispatch', unit_id }) }
  } catch (error) {
    return { case: one, error }
  }
}

async function goOn(created: Case, way: Way): Promise<Case> {
  if (way.kind === 'register') return created
  const [verb, body] =
    way.kind === 'dispatch'
      ? ['assign', { unit_id: way.unit_id }]
      : ['answer', { answer_text: way.answer_text }]
  const ready =
    hasVerb(created, verb) || !hasVerb(created, 'accept') ? created : await act(created.id, 'accept', {})
  // The hub tells the query code once, at capture: it is still to be read to the citizen.
  return { ...(await act(ready.id, verb, body)), query_code: created.query_code }
}

const hasVerb = (one: Case, verb: string) => one.verbs.some((each) => each.verb === verb)

const act = (id: string, verb: string, body: Record<string, unknown>) =>
  take(api.POST('/cases/{id}/{verb}', { params: { path: { id, verb } }, body })).then((one) => readCase(one))
