/** A plain table for long lists: sticky head, 40 px rows, a row that opens by click or Enter, pages loaded at the end. */
import { type ReactNode, useEffect, useRef } from 'react'
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
  return (
    <div
      className={css.tableWrap}
      role="group"
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
      tabIndex={0}
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

function Row<R>({
  row,
  columns,
  open,
  selected,
}: {
  row: R
  columns: Column<R>[]
  open?: (row: R) => void
  selected: boolean
}) {
  return (
    <tr
      data-link={open ? true : undefined}
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
