/** What is shown where there is no page, or a page failed. */
import type { ErrorComponentProps } from '@tanstack/react-router'
import { Button } from 'antd'
import { ApiError } from '../api/client'
import { useText } from '../i18n'
import { Failed, StateBlock } from '../ui/States'

export function NotFound() {
  const { t } = useText()
  return (
    <main>
      <StateBlock icon="find" title={t('app.state.not_found')}>
        <span>{t('app.state.not_found_hint')}</span>
        <Button href="/" style={{ marginTop: 8 }}>
          {t('app.state.home')}
        </Button>
      </StateBlock>
    </main>
  )
}

export function Crashed({ error, reset }: ErrorComponentProps) {
  const { t } = useText()
  if (error instanceof ApiError) return <Failed error={error} retry={reset} />
  return (
    <StateBlock icon="info" title={t('app.state.crashed')}>
      <span>{t('app.state.crashed_hint')}</span>
      <Button onClick={() => location.reload()} style={{ marginTop: 8 }}>
        {t('app.state.reload')}
      </Button>
    </StateBlock>
  )
}
