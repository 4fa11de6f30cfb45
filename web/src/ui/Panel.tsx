import { type ReactNode, useId } from 'react'
import css from './ui.module.css'

interface PanelProps {
  title: ReactNode
  /** Beside the title: tags. */
  beside?: ReactNode
  /** At the right end of the head. */
  extra?: ReactNode
  /** The body has no padding, for tables. */
  flush?: boolean
  className?: string
  children: ReactNode
}

/** White, one thin line around, a head, and a body that scrolls by itself. */
export function Panel({ title, beside, extra, flush, className, children }: PanelProps) {
  const id = useId()
  return (
    <section className={`${css.panel} ${className ?? ''}`} aria-labelledby={id}>
      <header className={css.panelHead}>
        <h2 id={id}>{title}</h2>
        {beside}
        {extra !== undefined && <div className={css.panelExtra}>{extra}</div>}
      </header>
      {flush ? children : <div className={css.panelBody}>{children}</div>}
    </section>
  )
}
