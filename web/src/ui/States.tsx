/** Empty, loading, error, no permission: designed once, used by every list. */
import { Button } from 'antd'
import type { ReactNode } from 'react'
import { useText } from '../i18n'
import { Icon, type IconName } from './icons'
import { problemText } from './problem'
import css from './ui.module.css'

export function StateBlock({
  icon,
  title,
  children,
}: {
  icon: IconName
  title: ReactNode
  children?: ReactNode
}) {
  return (
    <div className={css.state} role="status">
      <span className={css.stateMark}>
        <Icon name={icon} size={28} width={1.2} />
      </span>
      <b>{title}</b>
      {children}
    </div>
  )
}

export function Empty({ title, children }: { title?: ReactNode; children?: ReactNode }) {
  const { t } = useText()
  return (
    <StateBlock icon="inbox" title={title ?? t('app.state.empty')}>
      {children}
    </StateBlock>
  )
}

export function Loading({ rows = 6 }: { rows?: number }) {
  const { t } = useText()
  return (
    <div className={css.skeleton} role="status">
      <span className="unseen">{t('app.state.loading')}</span>
      {Array.from({ length: rows }, (_, i) => (
        <i key={i} />
      ))}
    </div>
  )
}

export function Failed({ error, retry }: { error: unknown; retry?: () => void }) {
  const { t, raw } = useText()
  const problem = problemText(error, raw)
  if (problem.kind === 'forbidden') {
    return (
      <StateBlock icon="info" title={t('app.state.no_permission')}>
        <span>{problem.detail ?? t('app.state.no_permission_hint')}</span>
      </StateBlock>
    )
  }
  return (
    <StateBlock icon="info" title={problem.kind === 'not_found' ? problem.title : t('app.state.error')}>
      <span>
        {problem.detail ?? (problem.kind === 'not_found' ? t('app.state.not_found_hint') : problem.title)}
      </span>
      {retry && problem.kind !== 'not_found' && (
        <Button size="small" onClick={retry} style={{ marginTop: 8 }}>
          {t('app.state.retry')}
        </Button>
      )}
    </StateBlock>
  )
}

interface Asked<T> {
  data: T | undefined
  error: unknown
  isPending: boolean
  refetch: () => unknown
}

/** Shows what was asked once it is there; until then loading, or why it is not. Old data stay on a failed refresh. */
export function Gate<T>({
  asked,
  rows,
  children,
}: {
  asked: Asked<T>
  rows?: number
  children: (data: T) => ReactNode
}) {
  if (asked.data !== undefined) return <>{children(asked.data)}</>
  if (asked.isPending) return <Loading rows={rows} />
  return <Failed error={asked.error} retry={() => void asked.refetch()} />
}
