import css from './ui.module.css'

interface TabsProps<V extends string> {
  label: string
  value: V
  values: readonly V[]
  name: (value: V) => string
  count?: (value: V) => number | undefined
  /** Counts of these are shown in danger colour. */
  alarm?: readonly V[]
  choose: (value: V) => void
}

/** A row of choices, one of which is on; a choice may carry a count. */
export function Tabs<V extends string>({ label, value, values, name, count, alarm, choose }: TabsProps<V>) {
  return (
    <div className={css.tabs} role="group" aria-label={label}>
      {values.map((each) => {
        const n = count?.(each)
        return (
          <button
            key={each}
            type="button"
            className={css.tab}
            aria-pressed={each === value}
            data-alarm={(alarm?.includes(each) && n) || undefined}
            onClick={() => choose(each)}
          >
            {name(each)}
            {n !== undefined && <span>{n}</span>}
          </button>
        )
      })}
    </div>
  )
}
