/** The one question this page asks. Its own small fetch: the console's client would double its weight. */
export interface Tracked {
  public_no: string
  title: string
  place: string
  received_at: string
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
  const answer = await fetch('/api/v1/track', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Requested-With': 'liandong' },
    body: JSON.stringify({ public_no, query_code }),
    credentials: 'omit',
  }).catch(() => {
    throw new TrackError(0)
  })
  if (!answer.ok) throw new TrackError(answer.status)
  return (await answer.json()) as Tracked
}
