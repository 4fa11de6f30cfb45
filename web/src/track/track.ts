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
    steps: steps.map((each) => ({
      at: String(each.at ?? ''),
      title: String(each.title ?? each.text ?? ''),
      text: each.title && typeof each.text === 'string' ? each.text : undefined,
    })),
  }
}
