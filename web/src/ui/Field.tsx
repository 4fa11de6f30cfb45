import { type ReactNode, useId } from 'react'
import css from './ui.module.css'

interface FieldProps {
  label: ReactNode
  required?: boolean
  hint?: ReactNode
  error?: string
  /** Beside the label, at the right. */
  extra?: ReactNode
  span?: number
  children: (control: {
    id: string
    'aria-required'?: boolean
    'aria-invalid'?: boolean
    'aria-describedby'?: string
  }) => ReactNode
}

/** A label above its control, what is wrong below it; both tied to the control for screen readers. */
export function Field({ label, required, hint, error, extra, span, children }: FieldProps) {
  const id = useId()
  const note = `${id}-note`
  return (
    <div className={css.field} style={span ? { gridColumn: `span ${span}` } : undefined}>
      <div className={css.fieldLabel}>
        <label htmlFor={id}>{label}</label>
        {required && <em aria-hidden="true">*</em>}
        {extra && <span style={{ marginLeft: 'auto' }}>{extra}</span>}
      </div>
      {children({
        id,
        'aria-required': required || undefined,
        'aria-invalid': error ? true : undefined,
        'aria-describedby': error || hint ? note : undefined,
      })}
      {(error || hint) && (
        <div id={note} className={error ? css.fieldError : css.fieldHint} role={error ? 'alert' : undefined}>
          {error ?? hint}
        </div>
      )}
    </div>
  )
}
