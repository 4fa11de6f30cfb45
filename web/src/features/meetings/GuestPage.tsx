/** Who got a link by SMS: no account, only a name. The code stands after `#` (not logged by servers) or in the path. */
import { useParams } from '@tanstack/react-router'
import { lazy, Suspense } from 'react'
import { guestTicket } from '../../api/ops'
import { useText } from '../../i18n'
import { Loading, StateBlock } from '../../ui/States'

const Meeting = lazy(() => import('../../meeting/Meeting'))

export function GuestPage() {
  const { t } = useText()
  const params = useParams({ strict: false }) as { token?: string }
  const token = params.token ?? decodeURIComponent(location.hash.slice(1))
  if (!token) {
    return (
      <main>
        <StateBlock icon="meetings" title={t('meetings.guest.bad')} />
      </main>
    )
  }
  return (
    <Suspense fallback={<Loading rows={4} />}>
      <Meeting title={t('meetings.guest.title')} guest ticket={(name) => guestTicket(token, name)} />
    </Suspense>
  )
}
