/** A failure as words for the person, never a raw code. */
import { ApiError } from '../api/client'
import type { Text } from '../i18n'

export interface ProblemText {
  title: string
  detail?: string
  kind: 'forbidden' | 'not_found' | 'unreachable' | 'other'
}

/** Our words for the stable code, else for the status; the hub's `detail` below. */
export function problemText(error: unknown, raw: Text['raw']): ProblemText {
  if (!(error instanceof ApiError)) {
    const message = error instanceof Error ? error.message : String(error)
    return { title: raw('error.other', { code: message }), kind: 'other' }
  }
  const known =
    raw(`error.${error.code}`, { defaultValue: '' }) ||
    raw(`error.${statusCode(error.status)}`, { defaultValue: '', code: error.code })
  const detail = error.message && error.message !== error.code ? error.message : undefined
  const who = error.whoMay ? raw('error.who_may', { who: error.whoMay }) : undefined
  const words = [detail === known ? undefined : detail, who].filter(Boolean).join(' ')
  return { title: known, detail: words || undefined, kind: kindOf(error.status) }
}

function statusCode(status: number): string {
  const byStatus: Record<number, string> = {
    0: 'unreachable',
    401: 'not_signed_in',
    403: 'forbidden',
    404: 'not_found',
    412: 'version_conflict',
    413: 'too_large',
    422: 'invalid',
    429: 'throttled',
    503: 'unavailable',
  }
  return byStatus[status] ?? 'other'
}

function kindOf(status: number): ProblemText['kind'] {
  if (status === 403) return 'forbidden'
  if (status === 404) return 'not_found'
  return status === 0 ? 'unreachable' : 'other'
}
