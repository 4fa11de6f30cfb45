import { type ReactNode, useEffect, useId, useRef, useState } from 'react'
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
      {flush ? children : <Body label={id}>{children}</Body>}
    </section>
  )
}

/** What scrolls can be reached and scrolled by keyboard; what does not is no stop on the way of the Tab key. */
function Body({ label, children }: { label: string; children: ReactNode }) {
  const holder = useRef<HTMLDivElement>(null)
  const [scrolls, setScrolls] = useState(false)
  useEffect(() => {
    const element = holder.current
    if (!element || typeof ResizeObserver === 'undefined') return
    const look = () => setScrolls(element.scrollHeight > element.clientHeight + 1)
    const seen = new ResizeObserver(look)
    seen.observe(element)
    for (const child of element.children) seen.observe(child)
    look()
    return () => seen.disconnect()
  })
  const stop = scrolls ? { tabIndex: 0, role: 'group', 'aria-labelledby': label } : {}
  return (
    <div ref={holder} className={css.panelBody} {...stop}>
      {children}
    </div>
  )
}
