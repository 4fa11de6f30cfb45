import { useCallback, useState } from 'react'
import { ApiError, actingPost, api, take } from '../../api/client'

export type Step = 'credentials' | 'totp' | 'change'

/** The way in: credentials → (one-time code) → (forced change) → entered. */
export function useSignIn(entered: () => Promise<void>) {
  const [step, setStep] = useState<Step>('credentials')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)

  const attempt = async (run: () => Promise<void>) => {
    setBusy(true)
    setError(null)
    try {
      await run()
    } catch (failure) {
      setError(failure)
    } finally {
      setBusy(false)
    }
  }

  const signIn = (body: { user: string; password: string; totp?: string }) =>
    attempt(async () => {
      try {
        actingPost.set(null)
        const session = await take(api.POST('/session', { body }))
        if (session.must_change_password) setStep('change')
        else await entered()
      } catch (failure) {
        if (failure instanceof ApiError && failure.code === 'totp_required') return setStep('totp')
        throw failure
      }
    })

  const change = (body: { current: string; next: string }) =>
    attempt(async () => {
      await take(api.PUT('/me/password', { body }))
      await entered()
    })

  const start = useCallback((at: Step) => {
    setError(null)
    setStep(at)
  }, [])

  return { step, busy, error, signIn, change, start }
}
