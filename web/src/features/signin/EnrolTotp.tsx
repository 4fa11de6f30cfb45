/** An administrator binds an authenticator: the secret to type or to open on the phone, then the first code as proof. */
import { useQuery } from '@tanstack/react-query'
import { api, take } from '../../api/client'
import { useText } from '../../i18n'
import { Gate } from '../../ui/States'
import { OneTimeCode } from './forms'
import type { useSignIn } from './useSignIn'

export function EnrolTotp({ flow }: { flow: ReturnType<typeof useSignIn> }) {
  const { t } = useText()
  // Asked once: each asking makes a new secret.
  const asked = useQuery({
    queryKey: ['session', 'totp'],
    queryFn: () => take(api.POST('/session/totp')),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    retry: false,
  })
  return (
    <Gate asked={asked} rows={3}>
      {(secret) => (
        <>
          <p>{t('app.signin.enrol_hint')}</p>
          <code
            className="num"
            style={{
              fontSize: 18,
              lineHeight: '28px',
              whiteSpace: 'normal',
              overflowWrap: 'anywhere',
              background: 'var(--sunk)',
              padding: '8px 12px',
              borderRadius: 4,
            }}
          >
            {secret.secret.replace(/(.{4})/g, '$1 ').trim()}
          </code>
          <a href={secret.url}>{t('app.signin.enrol_open')}</a>
          <OneTimeCode flow={flow} go={(code) => void flow.confirmTotp(code)} />
        </>
      )}
    </Gate>
  )
}
