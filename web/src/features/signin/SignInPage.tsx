/** Sign-in: account and password, the one-time code where the account has one, and the forced change of a first password. */
import { useQueryClient } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { Button } from 'antd'
import { useEffect, useState } from 'react'
import { api, take } from '../../api/client'
import { meQuery } from '../../api/queries'
import { setLanguage, useText } from '../../i18n'
import { CheckRow } from './CheckRow'
import { EnrolTotp } from './EnrolTotp'
import { ChangePassword, Credentials, OneTimeCode } from './forms'
import css from './signin.module.css'
import { type Step, stepOfRefusal, useSignIn } from './useSignIn'

export function SignInPage() {
  const { t, lang } = useText()
  const { next } = useSearch({ from: '/sign-in' })
  const navigate = useNavigate()
  const client = useQueryClient()
  const enter = async () => {
    client.clear()
    await client.fetchQuery(meQuery)
    await navigate({ to: next ?? '/' })
  }
  const flow = useSignIn(enter)
  const startAtChange = flow.start
  useEffect(() => {
    // Someone already signed in who must change his password arrives at that step.
    take(api.GET('/me')).catch((failure: unknown) => {
      const step = stepOfRefusal(failure)
      if (step) startAtChange(step)
    })
  }, [startAtChange])
  return (
    <div className={css.page}>
      <Brand />
      <main className={css.formSide}>
        <Button
          className={css.lang}
          type="text"
          size="small"
          lang={lang === 'zh' ? 'en' : 'zh-CN'}
          onClick={() => setLanguage(lang === 'zh' ? 'en' : 'zh')}
        >
          {t('app.me.language')}
        </Button>
        <div className={css.form}>
          <h2>
            {flow.step === 'change'
              ? t('app.signin.change_title')
              : flow.step === 'enrol'
                ? t('app.signin.enrol_title')
                : t('app.signin.title')}
          </h2>
          <StepForm step={flow.step} flow={flow} />
        </div>
        <CheckRow />
      </main>
    </div>
  )
}

function StepForm({ step, flow }: { step: Step; flow: ReturnType<typeof useSignIn> }) {
  const [user, setUser] = useState('')
  const [password, setPassword] = useState('')
  if (step === 'change') return <ChangePassword old={password} flow={flow} />
  if (step === 'enrol') return <EnrolTotp flow={flow} />
  if (step === 'totp') return <OneTimeCode flow={flow} go={(totp) => flow.signIn({ user, password, totp })} />
  return (
    <Credentials flow={flow} user={user} setUser={setUser} password={password} setPassword={setPassword} />
  )
}

function Brand() {
  const { t } = useText()
  return (
    <aside className={css.brand}>
      <h1>{t('app.name')}</h1>
      <p className={css.sub}>{t('app.full_name')}</p>
      <Tree />
      <p className={css.lead}>{t('app.signin.lead')}</p>
      <ul className={css.points}>
        <li>{t('app.signin.point1')}</li>
        <li>{t('app.signin.point2')}</li>
        <li>{t('app.signin.point3')}</li>
      </ul>
    </aside>
  )
}

/** City, counties, townships: the shape of what is joined here. */
function Tree() {
  const counties = [60, 150, 240, 330, 420]
  return (
    <svg
      className={css.tree}
      viewBox="0 0 480 300"
      fill="none"
      stroke="#3a4d63"
      strokeWidth="1.5"
      aria-hidden="true"
    >
      {counties.map((x, i) => (
        <g key={x}>
          <path d={`M240 34V84H${x}V126`} />
          {[-26, 0, 26].map((dx) => (
            <g key={dx}>
              <path d={`M${x} 138V180H${x + dx}V212`} />
              <circle
                cx={x + dx}
                cy="218"
                r="4.500"
                fill="#16212E"
                stroke={i === 1 && dx === 26 ? '#6fa8e8' : '#3a4d63'}
              />
            </g>
          ))}
          <circle cx={x} cy="132" r="7" fill="#16212E" stroke={i === 1 ? '#6fa8e8' : '#3a4d63'} />
        </g>
      ))}
      <path d="M240 34V84H150V126M150 138V180H176V212" stroke="#6fa8e8" strokeWidth="2" />
      <circle cx="240" cy="26" r="10" fill="#6fa8e8" stroke="#6fa8e8" />
    </svg>
  )
}
