/**
 * What can be asked of the hub, each with its cache key. Keys start with the domain of the events
 * that change them (`live/patch.ts`), so a page becomes live by using these and nothing else.
 */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query'
import { api, take } from './client'
import {
  readCall,
  readCaller,
  readCase,
  readClasses,
  readCounts,
  readDesk,
  readDue,
  readMe,
  readQueues,
  readTimeline,
  readUnits,
} from './read'
import type { CallQuery, CaseQuery } from './types'

/** Rows per page of a list: two screens at 40 px a row. */
const PAGE_ROWS = 50
/** Code tables change by deployment, not by the minute. */
const TABLE_STALE_MS = 10 * 60_000

export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: () => take(api.GET('/me')).then(readMe),
  staleTime: 60_000,
})

export const deskQuery = queryOptions({
  queryKey: ['desk'],
  queryFn: () => take(api.GET('/desk')).then(readDesk),
})

export const queuesQuery = queryOptions({
  queryKey: ['queues'],
  queryFn: () => take(api.GET('/queues')).then((page) => readQueues(page)),
})

/** Units to choose from: what fits the words, or at first the top of the tree and what lies directly below it. */
export const unitsQuery = (q: string) =>
  queryOptions({
    queryKey: ['orgs', 'choice', q],
    queryFn: () => (q ? unitsBy({ q }) : topUnits()),
    staleTime: TABLE_STALE_MS,
    placeholderData: keepPreviousData,
  })

const unitsBy = (query: { q?: string; parent?: string }) =>
  take(api.GET('/orgs', { params: { query } })).then(readUnits)

async function topUnits() {
  const top = await unitsBy({})
  const city = top.length === 1 ? top[0] : undefined
  return city ? [city, ...(await unitsBy({ parent: city.id })).filter((each) => each.id !== city.id)] : top
}

export const classesQuery = queryOptions({
  queryKey: ['classes'],
  queryFn: () => take(api.GET('/classes')).then(readClasses),
  staleTime: TABLE_STALE_MS,
})

export const callerQuery = (callId: string) =>
  queryOptions({
    queryKey: ['calls', 'caller', callId],
    queryFn: () => take(api.GET('/calls/{id}/caller', { params: { path: { id: callId } } })).then(readCaller),
  })

export const callQuery = (id: string) =>
  queryOptions({
    queryKey: ['calls', 'one', id],
    queryFn: () => take(api.GET('/calls/{id}', { params: { path: { id } } })).then(readCall),
  })

export const callsQuery = (filter: CallQuery) =>
  infiniteQueryOptions({
    queryKey: ['calls', 'list', filter],
    queryFn: ({ pageParam }) =>
      take(api.GET('/calls', { params: { query: { ...filter, limit: PAGE_ROWS, cursor: pageParam } } })).then(
        (page) => ({ ...page, items: page.items.map(readCall) }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    placeholderData: keepPreviousData,
  })

export const casesQuery = (filter: CaseQuery) =>
  infiniteQueryOptions({
    queryKey: ['cases', 'list', filter],
    queryFn: ({ pageParam }) =>
      take(api.GET('/cases', { params: { query: { ...filter, limit: PAGE_ROWS, cursor: pageParam } } })).then(
        (page) => ({
          ...page,
          items: page.items.map((one) => readCase(one)),
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    placeholderData: keepPreviousData,
  })

export const caseQuery = (id: string) =>
  queryOptions({
    queryKey: ['cases', 'one', id],
    queryFn: () => take(api.GET('/cases/{id}', { params: { path: { id } } })).then((one) => readCase(one)),
  })

export const timelineQuery = (id: string) =>
  queryOptions({
    queryKey: ['cases', 'timeline', id],
    queryFn: () => take(api.GET('/cases/{id}/timeline', { params: { path: { id } } })).then(readTimeline),
  })

export const caseCountsQuery = queryOptions({
  queryKey: ['cases', 'counts'],
  queryFn: () => take(api.GET('/cases/counts')).then(readCounts),
})

export const dueQuery = (calendar: string, from: string, budget: { days?: number; minutes?: number }) =>
  queryOptions({
    queryKey: ['due', calendar, from, budget],
    queryFn: () =>
      take(
        api.GET('/calendars/{name}/due', {
          params: { path: { name: calendar }, query: { from, ...budget } },
        }),
      ).then(readDue),
    staleTime: TABLE_STALE_MS,
  })
