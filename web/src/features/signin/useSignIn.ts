import { useCallback, useState } from 'react'
import { ApiError, actingPost, api, take } from '../../api/client'

export type Step = 'credentials' | 'totp' | 'change' | 'enrol'

/** The hub's stages of a session that has not come all the way, and the step that brings it on. */
const STEP_OF_STAGE: Record<string, Step> = { change_password: 'change', enrol_totp: 'enrol' }
const STEP_OF_CODE: Record<string, Step> = {
  'session.password_change_required': 'change',
  'session.totp_enrolment_required': 'enrol',
}

/** Where a refusal says that the session stands. */
export function stepOfRefusal(failure: unknown): Step | undefined {
  return failure instanceof ApiError ? STEP_OF_CODE[failure.code] : undefined
}

/** The way in: credentials → (one-time code) → (forced change) → (authenticator bound) → entered. */
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

  const goOn = async (stage: string | undefined) => {
    const next = STEP_OF_STAGE[stage ?? 'full']
    if (next) setStep(next)
    else await entered()
  }

  const signIn = (body: { user: string; password: string; totp?: string }) =>
    attempt(async () => {
      try {
        actingPost.set(null)
        const session = await take(api.POST('/session', { body }))
        await goOn(session.stage)
      } catch (failure) {
        if (failure instanceof ApiError && failure.code === 'session.totp_required') setStep('totp')
        else throw failure
      }
    })

  const change = (body: { password: string; new_password: string }) =>
    attempt(async () => goOn((await take(api.POST('/session/password', { body }))).stage))

  const confirmTotp = (code: string) =>
    attempt(async () => goOn((await take(api.POST('/session/totp/confirm', { body: { code } }))).stage))

  const start = useCallback((at: Step) => {
    setError(null)
    setStep(at)
  }, [])

  return { step, busy, error, signIn, change, confirmTotp, start }
}
