import { Button, Input } from 'antd'
import { type FormEvent, type KeyboardEvent, useState } from 'react'
import { useText } from '../../i18n'
import { Field } from '../../ui/Field'
import { problemText } from '../../ui/problem'
import { passwordFault } from './password'
import css from './signin.module.css'
import type { useSignIn } from './useSignIn'

type Flow = ReturnType<typeof useSignIn>

function ProblemLine({ error }: { error: unknown }) {
  const { raw } = useText()
  if (!error) return null
  const problem = problemText(error, raw)
  return (
    <div className={css.problem} role="alert">
      {problem.title}
      {problem.detail && <small>{problem.detail}</small>}
    </div>
  )
}

interface CredentialsProps {
  flow: Flow
  user: string
  setUser: (user: string) => void
  password: string
  setPassword: (password: string) => void
}

export function Credentials({ flow, user, setUser, password, setPassword }: CredentialsProps) {
  const { t } = useText()
  const [caps, setCaps] = useState(false)
  const [shown, setShown] = useState(false)
  const watchCaps = (event: KeyboardEvent) => setCaps(event.getModifierState('CapsLock'))
  const go = (event: FormEvent) => {
    event.preventDefault()
    setShown(true)
    if (user.trim() && password) void flow.signIn({ user: user.trim(), password })
  }
  return (
    <form onSubmit={go}>
      <ProblemLine error={flow.error} />
      <Field label={t('app.signin.user')} error={shown && !user.trim() ? t('app.signin.fill') : undefined}>
        {(control) => (
          <Input
            {...control}
            size="large"
            autoFocus
            autoComplete="username"
            maxLength={64}
            value={user}
            onChange={(e) => setUser(e.target.value)}
          />
        )}
      </Field>
      <Field
        label={t('app.signin.password')}
        error={shown && !password ? t('app.signin.fill') : undefined}
        hint={caps ? <span className={css.caps}>{t('app.signin.caps')}</span> : undefined}
      >
        {(control) => (
          <Input.Password
            {...control}
            size="large"
            autoComplete="current-password"
            maxLength={256}
            value={password}
            onKeyUp={watchCaps}
            onChange={(e) => setPassword(e.target.value)}
          />
        )}
      </Field>
      <Button type="primary" size="large" htmlType="submit" block loading={flow.busy}>
        {t('app.signin.go')}
      </Button>
      <p className="small">{t('app.signin.audited')}</p>
    </form>
  )
}

export function OneTimeCode({ flow, go }: { flow: Flow; go: (totp: string) => void }) {
  const { t } = useText()
  const [totp, setTotp] = useState('')
  const ready = /^\d{6}$/.test(totp)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (ready) go(totp)
  }
  return (
    <form onSubmit={submit}>
      <ProblemLine error={flow.error} />
      <Field label={t('app.signin.totp')} hint={t('app.signin.totp_hint')}>
        {(control) => (
          <Input
            {...control}
            size="large"
            autoFocus
            inputMode="numeric"
            autoComplete="one-time-code"
            maxLength={6}
            className="num"
            style={{ letterSpacing: 6, fontSize: 20 }}
            value={totp}
            onChange={(e) => setTotp(e.target.value.replace(/\D/g, ''))}
          />
        )}
      </Field>
      <Button type="primary" size="large" htmlType="submit" block loading={flow.busy} disabled={!ready}>
        {t('app.signin.next')}
      </Button>
      <Button type="link" onClick={() => flow.start('credentials')}>
        {t('app.signin.back')}
      </Button>
    </form>
  )
}

export function ChangePassword({ old, flow }: { old: string; flow: Flow }) {
  const { t } = useText()
  const [current, setCurrent] = useState(old)
  const [next, setNext] = useState('')
  const [again, setAgain] = useState('')
  const fault = next ? passwordFault(next, current) : null
  const differs = again !== '' && again !== next
  const ready = current !== '' && next !== '' && fault === null && again === next
  const go = (event: FormEvent) => {
    event.preventDefault()
    if (ready) void flow.change({ password: current, new_password: next })
  }
  return (
    <form onSubmit={go}>
      <p className="small">{t('app.signin.change_hint')}</p>
      <ProblemLine error={flow.error} />
      {!old && (
        <Field label={t('app.signin.password')}>
          {(control) => (
            <Input.Password
              {...control}
              autoComplete="current-password"
              size="large"
              value={current}
              onChange={(e) => setCurrent(e.target.value)}
            />
          )}
        </Field>
      )}
      <Field label={t('app.signin.next_password')} error={fault ? t(`app.signin.${fault}`) : undefined}>
        {(control) => (
          <Input.Password
            {...control}
            autoFocus
            autoComplete="new-password"
            size="large"
            maxLength={256}
            value={next}
            onChange={(e) => setNext(e.target.value)}
          />
        )}
      </Field>
      <Field label={t('app.signin.again')} error={differs ? t('app.signin.differs') : undefined}>
        {(control) => (
          <Input.Password
            {...control}
            autoComplete="new-password"
            size="large"
            maxLength={256}
            value={again}
            onChange={(e) => setAgain(e.target.value)}
          />
        )}
      </Field>
      <Button type="primary" size="large" htmlType="submit" block loading={flow.busy} disabled={!ready}>
        {t('app.signin.change')}
      </Button>
    </form>
  )
}
