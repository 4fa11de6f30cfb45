/** A page of two: a list, and beside it what was chosen from it or a form. */
import type { CSSProperties, ReactNode } from 'react'
import lay from './layout.module.css'

/** `aside` is the width of the right column, CSS pixels. */
export function Split({ aside, children }: { aside: number; children: ReactNode }) {
  return (
    <div className={lay.split} style={{ '--aside': `${aside}px` } as CSSProperties}>
      {children}
    </div>
  )
}
