/**
 * The hub's REST contract as types, in the shape `openapi-typescript` writes.
 *
 * Written by hand after design §9 until `docs/openapi.json` is committed; then `npm run api`
 * writes this file anew and `tsc` says what differs. Nothing but `api/` imports it.
 * Times are RFC 3339 with zone, durations are milliseconds, ids are strings.
 */

import type { Model } from './model'

type None = { query?: never; header?: never; path?: never; cookie?: never }
type Query<Q> = { query?: Q; header?: never; path?: never; cookie?: never }
type Path<P> = { query?: never; header?: never; path: P; cookie?: never }
type Answer<T, S extends number = 200> = {
  [K in S]: { headers: { [name: string]: unknown }; content: { 'application/json': T } }
} & {
  default: {
    headers: { [name: string]: unknown }
    content: { 'application/problem+json': components['schemas']['Problem'] }
  }
}
type Body<B> = { content: { 'application/json': B } }
type Op<P, R, B = undefined> = B extends undefined
  ? { parameters: P; requestBody?: never; responses: R }
  : { parameters: P; requestBody: Body<B>; responses: R }
type List<T> = { items: T[]; next: string | null }
type S = components['schemas']

export interface paths {
  '/session': {
    post: Op<None, Answer<S['Session'], 201>, S['SignIn']>
    delete: Op<None, { 204: { headers: Record<string, unknown>; content?: never } }>
  }
  '/me': { get: Op<None, Answer<S['Me']>> }
  '/session/password': { post: Op<None, Answer<{ stage: string }>, { password: string; new_password: string }> }
  '/session/totp': { post: Op<None, Answer<{ secret: string; url: string }>, Record<string, never>> }
  '/session/totp/confirm': { post: Op<None, Answer<{ stage: string }>, { code: string }> }
  '/me/sip': { get: Op<None, Answer<unknown>> }
  '/orgs': { get: Op<Query<{ q?: string; parent?: string }>, Answer<List<S['Unit']>>> }
  '/people': { get: Op<Query<{ q?: string; unit_id?: string; limit?: number }>, Answer<List<S['Person']>>> }
  '/classes': { get: Op<None, Answer<List<S['CaseClass']>>> }

  '/desk': { get: Op<None, Answer<S['Desk']>> }
  '/desk/state': { put: Op<None, Answer<S['Desk']>, { state: 'ready' | 'not_ready' | 'offline'; reason?: string }> }
  '/desk/reattach': { post: Op<None, Answer<S['Call']>, Record<string, never>> }
  '/desk/drafts/{call_id}': {
    get: Op<Path<{ call_id: string }>, Answer<S['Draft']>>
    put: Op<Path<{ call_id: string }>, Answer<S['Draft']>, { form: Record<string, unknown> }>
  }

  '/calls': {
    get: Op<Query<S['CallQuery']>, Answer<List<S['Call']>>>
    post: Op<None, Answer<S['Call'], 201>, { to: string; call_id?: string; case_id?: string }>
  }
  '/calls/{id}': { get: Op<Path<{ id: string }>, Answer<S['Call']>> }
  '/calls/{id}/caller': { get: Op<Path<{ id: string }>, Answer<S['Caller']>> }
  '/calls/{id}/{action}': {
    post: Op<Path<{ id: string; action: S['CallAction'] }>, Answer<S['Call']>, Record<string, unknown>>
  }
  '/queues': { get: Op<None, Answer<List<S['Queue']>>> }

  '/cases': {
    get: Op<Query<S['CaseQuery']>, Answer<List<S['Case']>>>
    post: Op<None, Answer<S['Case'], 201>, S['NewCase']>
  }
  '/cases/counts': { get: Op<None, Answer<S['CaseCounts']>> }
  '/cases/{id}': { get: Op<Path<{ id: string }>, Answer<S['Case']>> }
  '/cases/{id}/timeline': { get: Op<Path<{ id: string }>, Answer<List<S['Event']>>> }
  '/cases/{id}/requester': { post: Op<Path<{ id: string }>, Answer<unknown>, { purpose: string }> }
  '/cases/{id}/{verb}': {
    post: Op<Path<{ id: string; verb: string }>, Answer<S['Case']>, Record<string, unknown>>
  }
  '/calendars/{name}/due': {
    get: Op<
      { query: { from: string; days?: number; minutes?: number }; header?: never; path: { name: string }; cookie?: never },
      Answer<S['Due']>
    >
  }
  '/events': { get: Op<Query<{ after?: number; limit?: number }>, Answer<List<S['Event']>>> }
}

export interface components {
  schemas: Model
}
