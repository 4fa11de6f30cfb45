/** The spine: what happened, in order, each with its time. */
import type { ReactNode } from 'react'
import { useText } from '../i18n'
import { clockTime, fullTime, shortTime } from './format'
import css from './ui.module.css'

export function TimelineList({ children, label }: { children: ReactNode; label?: string }) {
  return (
    <ol className={css.tl} aria-label={label}>
      {children}
    </ol>
  )
}

interface ItemProps {
  at: string
  /** Its end, where it lasted. */
  until?: string
  title: ReactNode
  beside?: ReactNode
  tone?: 'neutral' | 'primary' | 'good' | 'warn' | 'danger' | 'hold'
  children?: ReactNode
}

export function TimelineItem({ at, until, title, beside, tone = 'neutral', children }: ItemProps) {
  const { lang } = useText()
  return (
    <li className={css.ev} data-tone={tone}>
      <div className={css.evHead}>
        <b>{title}</b>
        {beside}
        <time dateTime={at} title={fullTime(at, lang)}>
          {shortTime(at, Date.now())}
          {until && clockTime(until) !== clockTime(at) && `–${clockTime(until)}`}
        </time>
      </div>
      {children}
    </li>
  )
}

export function Quote({ children }: { children: ReactNode }) {
  return (
    <blockquote className={css.quote} style={{ margin: '4px 0 0' }}>
      {children}
    </blockquote>
  )
}
