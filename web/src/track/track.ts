/** The one question this page asks. Its own small fetch: the console's client would double its weight. */
export interface Tracked {
  public_no: string
  title: string
  place?: string
  received_at: string
  /** The hub's own words for the state, in Chinese. */
  status?: string
  state: 'received' | 'with_unit' | 'handling' | 'please_check' | 'closed' | 'ended'
  unit?: string | null
  promised_at?: string | null
  promise_moved?: string | null
  answer?: string | null
  /** The citizen is asked for his opinion now. */
  may_rate?: boolean
  ended?: boolean
  steps: { at: string; title: string; text?: string }[]
}

export class TrackError extends Error {
  constructor(readonly status: number) {
    super(`look-up answered ${status}`)
  }
}

export async function lookUp(public_no: string, query_code: string): Promise<Tracked> {
  const ask = new URLSearchParams({ no: public_no, code: query_code })
  const answer = await fetch(`/api/v1/track?${ask}`, { credentials: 'omit' }).catch(() => {
    throw new TrackError(0)
  })
  if (!answer.ok) throw new TrackError(answer.status)
  return readTracked(await answer.json())
}

/** What a citizen may do himself: add, urge, rate. The answer is his case as it then is. */
export async function actOn(
  no: string,
  code: string,
  verb: 'supplement' | 'urge' | 'revisit',
  body: Record<string, unknown>,
): Promise<Tracked> {
  const answer = await fetch(`/api/v1/track/${verb}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Requested-With': 'liandong' },
    body: JSON.stringify({ no, code, body }),
    credentials: 'omit',
  }).catch(() => {
    throw new TrackError(0)
  })
  if (!answer.ok) throw new TrackError(answer.status)
  return readTracked(await answer.json())
}

const STATE_OF_STEP: Record<number, Tracked['state']> = {
  1: 'received',
  2: 'received',
  3: 'with_unit',
  4: 'handling',
  5: 'please_check',
  6: 'closed',
}

/** The hub tells the step and its words; the page shows one of five plain states. */
export function readTracked(value: unknown): Tracked {
  const w = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  const text = (name: string) =>
    typeof w[name] === 'string' && w[name] !== '' ? (w[name] as string) : undefined
  const steps = Array.isArray(w.steps) ? (w.steps as Record<string, unknown>[]) : []
  return {
    public_no: text('public_no') ?? '',
    title: text('title') ?? '',
    place: text('place'),
    received_at: text('received_at') ?? text('reported_at') ?? '',
    status: text('status'),
    state:
      (text('state') as Tracked['state'] | undefined) ??
      (w.ended === true ? 'closed' : (STATE_OF_STEP[Number(w.step)] ?? 'received')),
    unit: text('unit'),
    promised_at: text('promised_at'),
    promise_moved: text('promise_moved'),
    answer: text('answer'),
    may_rate: w.may_rate === true,
    ended: w.ended === true,
    steps: steps.map((each) => ({
      at: String(each.at ?? ''),
      title: String(each.title ?? each.text ?? ''),
      text: each.title && typeof each.text === 'string' ? each.text : undefined,
    })),
  }
}
