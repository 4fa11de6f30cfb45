/**
 * The one door to the hub's REST API: same origin, session cookie, same-site proof on every request, an idempotency key on
 * every POST, the chosen post, and problems as `ApiError`. Paths, parameters and bodies are typed by `schema.ts`, which is
 * made from the hub's own document before each build. Knows no page and no React.
 */
import createClient, { type Middleware } from 'openapi-fetch'
import type { paths } from './schema'
import type { Problem } from './types'

export const API_BASE = '/api/v1'
/** Proof that the request comes from our own page: browsers do not add it across sites. */
const SAME_SITE = { 'X-Requested-With': 'liandong' }
const POST_KEY = 'liandong.post'

/** A refusal or failure of the hub, with its stable code. `status` 0 means the hub was not reached. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  /** Field → what is wrong with it. */
  readonly fields: Record<string, string>
  readonly whoMay: string | undefined
  constructor(problem: Problem) {
    super(problem.detail ?? problem.title)
    this.name = 'ApiError'
    this.status = problem.status
    this.code = problem.code
    this.fields = problem.field ? { [problem.field.replace(/^\//, '')]: problem.detail ?? problem.title } : {}
    this.whoMay = problem.who_may
  }
}

/** The post the person acts under, kept per tab so that two tabs can act under two posts. */
export const actingPost = {
  get: (): string | null => sessionStorage.getItem(POST_KEY),
  set: (id: string | null) => {
    if (id) sessionStorage.setItem(POST_KEY, id)
    else sessionStorage.removeItem(POST_KEY)
  },
}

export function requestHeaders(method: string): Record<string, string> {
  const headers: Record<string, string> = { ...SAME_SITE }
  const post = actingPost.get()
  if (post) headers['X-Post'] = post
  if (method === 'POST') headers['Idempotency-Key'] = newKey()
  return headers
}

const proof: Middleware = {
  onRequest({ request }) {
    for (const [name, value] of Object.entries(requestHeaders(request.method))) {
      if (!request.headers.has(name)) request.headers.set(name, value)
    }
    return request
  },
}

export const api = createClient<paths>({
  baseUrl: API_BASE,
  credentials: 'same-origin',
  fetch: (request: Request) => globalThis.fetch(request),
})
api.use(proof)

interface Result<T> {
  data?: T
  error?: unknown
  response: Response
}

/** The answer's body, or an `ApiError`. */
export async function take<T>(pending: Promise<Result<T>>): Promise<T> {
  let result: Result<T>
  try {
    result = await pending
  } catch (cause) {
    throw unreachable(cause)
  }
  if (result.response.ok) return result.data as T
  throw new ApiError(asProblem(result.error, result.response))
}

export function unreachable(cause: unknown): ApiError {
  const error = new ApiError({ title: 'hub not reached', status: 0, code: 'unreachable' })
  error.cause = cause
  return error
}

/** A crypto-random key also where `randomUUID` is missing (plain HTTP on an intranet address). */
export function newKey(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID()
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join(
    '',
  )
}

function asProblem(error: unknown, response: Response): Problem {
  const body = typeof error === 'object' && error !== null ? (error as Partial<Problem>) : {}
  return {
    title: body.title ?? response.statusText,
    status: response.status,
    code: body.code ?? `http_${response.status}`,
    detail: body.detail,
    field: body.field,
    who_may: body.who_may,
  }
}
