/**
 * A plain table for long lists: sticky head, 40 px rows, pages loaded at the end. A row opens by a click; with the keyboard
 * j/k or the arrows walk the rows and Enter opens the one that is marked.
 */
import { type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from 'react'
import { useText } from '../i18n'
import css from './ui.module.css'

export interface Column<R> {
  key: string
  title: ReactNode
  width?: number | string
  align?: 'right'
  cell: (row: R) => ReactNode
}

interface TableProps<R> {
  label: string
  columns: Column<R>[]
  rows: R[]
  rowKey: (row: R) => string
  open?: (row: R) => void
  selected?: string | null
  more?: { has: boolean; busy: boolean; load: () => void }
}

export function Table<R>({ label, columns, rows, rowKey, open, selected, more }: TableProps<R>) {
  const { t } = useText()
  const walk = useRowWalk(rows, rowKey, open)
  return (
    <div
      className={css.tableWrap}
      role="group"
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
      tabIndex={0}
      onKeyDown={walk.onKeyDown}
      onBlur={walk.leave}
    >
      <table className={css.table}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.key} scope="col" data-align={column.align} style={{ width: column.width }}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row
              key={rowKey(row)}
              row={row}
              columns={columns}
              open={open}
              selected={selected === rowKey(row)}
              marked={walk.at === rowKey(row)}
            />
          ))}
        </tbody>
      </table>
      <End
        more={more}
        text={more?.has ? t('app.state.loading') : t('app.state.end', { count: rows.length })}
      />
    </div>
  )
}

/** Which way a key walks through a list. */
const STEPS: Record<string, number> = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }

/** The marked row of a list that has the focus. The mark follows its row when the list moves under it. */
function useRowWalk<R>(rows: R[], rowKey: (row: R) => string, open?: (row: R) => void) {
  const [at, setAt] = useState<string | null>(null)
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (!open || event.ctrlKey || event.altKey || event.metaKey || isField(event.target)) return
    const here = rows.findIndex((row) => rowKey(row) === at)
    const step = STEPS[event.key]
    if (step) {
      event.preventDefault()
      const next = rows[here < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, here + step))]
      if (next) setAt(rowKey(next))
    } else if (event.key === 'Enter' && event.target === event.currentTarget && rows[here]) {
      event.preventDefault()
      open(rows[here])
    }
  }
  const leave = (event: React.FocusEvent<HTMLElement>) => {
    if (!event.currentTarget.contains(event.relatedTarget)) setAt(null)
  }
  return { at, onKeyDown, leave }
}

function isField(target: EventTarget): boolean {
  return target instanceof Element && target.closest('input,select,textarea') !== null
}

interface RowProps<R> {
  row: R
  columns: Column<R>[]
  open?: (row: R) => void
  selected: boolean
  marked: boolean
}

function Row<R>({ row, columns, open, selected, marked }: RowProps<R>) {
  const line = useRef<HTMLTableRowElement>(null)
  useEffect(() => {
    if (marked) line.current?.scrollIntoView({ block: 'nearest' })
  }, [marked])
  return (
    <tr
      ref={line}
      data-link={open ? true : undefined}
      data-marked={marked || undefined}
      aria-selected={selected || undefined}
      onClick={(event) => {
        if (open && !isControl(event.target)) open(row)
      }}
    >
      {columns.map((column) => (
        <td key={column.key} data-align={column.align}>
          {column.cell(row)}
        </td>
      ))}
    </tr>
  )
}

function isControl(target: EventTarget): boolean {
  return target instanceof Element && target.closest('a,button,input,select,textarea,audio') !== null
}

function End({ more, text }: { more?: { has: boolean; busy: boolean; load: () => void }; text: string }) {
  const mark = useRef<HTMLDivElement>(null)
  const load = more?.has && !more.busy ? more.load : null
  useEffect(() => {
    const element = mark.current
    if (!element || !load) return
    const seen = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) load()
    })
    seen.observe(element)
    return () => seen.disconnect()
  }, [load])
  return (
    <div className={css.tableEnd} ref={mark}>
      {text}
    </div>
  )
}
