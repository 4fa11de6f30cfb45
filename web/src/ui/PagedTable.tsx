/** A list that the hub gives page by page, as a table: loading, refusal, emptiness and the end of it are told in one way. */
import type { ReactNode } from 'react'
import { Empty, Gate } from './States'
import { type Column, Table } from './Table'

/** The part of an infinite query that a list needs. */
export interface AskedPages<R> {
  data: { pages: { items: R[] }[] } | undefined
  error: unknown
  isPending: boolean
  refetch: () => unknown
  hasNextPage: boolean
  isFetchingNextPage: boolean
  fetchNextPage: () => unknown
}

/** What has been read so far. */
export function rowsOf<R>(asked: Pick<AskedPages<R>, 'data'>): R[] {
  return asked.data?.pages.flatMap((page) => page.items) ?? []
}

interface PagedProps<R> {
  asked: AskedPages<R>
  label: string
  columns: Column<R>[]
  rowKey: (row: R) => string
  empty?: ReactNode
  emptyHint?: ReactNode
  open?: (row: R) => void
  selected?: string | null
  /** Of what was read, what is shown. */
  keep?: (row: R) => boolean
}

export function PagedTable<R>({ asked, empty, emptyHint, keep, ...table }: PagedProps<R>) {
  return (
    <Gate asked={asked} rows={12}>
      {() => {
        const all = rowsOf(asked)
        const rows = keep ? all.filter(keep) : all
        if (rows.length === 0) return <Empty title={empty}>{emptyHint}</Empty>
        const more = {
          has: asked.hasNextPage,
          busy: asked.isFetchingNextPage,
          load: () => void asked.fetchNextPage(),
        }
        return <Table {...table} rows={rows} more={more} />
      }}
    </Gate>
  )
}
