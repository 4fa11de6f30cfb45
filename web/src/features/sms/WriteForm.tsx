import { Button, Input } from 'antd'
import { type FormEvent, useState } from 'react'
import { tell } from '../../api/ops'
import { useText } from '../../i18n'
import { useAct } from '../../ui/act'
import { Field } from '../../ui/Field'
import { useShortcut } from '../../ui/keys'
import { Panel } from '../../ui/Panel'
import { Kbd } from '../../ui/Tag'
import { segmentsOf, TEXT_MAX_CHARS } from './segments'
import css from './sms.module.css'

/** Digits of a number that can be reached: mobile, landline with area code, short service numbers. */
const NUMBER = /^\+?\d{3,15}$/

export function WriteForm({ caseId, close }: { caseId?: string; close: () => void }) {
  const { t } = useText()
  const [to, setTo] = useState('')
  const [text, setText] = useState('')
  const [tried, setTried] = useState(false)
  const { act, busy, error } = useAct(['messages'])
  const number = to.replace(/[\s-]/g, '')
  const size = segmentsOf(text)
  const faults = {
    to: NUMBER.test(number) ? undefined : t('sms.bad_number'),
    text: !text.trim()
      ? t('sms.no_text')
      : size.chars > TEXT_MAX_CHARS
        ? t('sms.too_long', { max: TEXT_MAX_CHARS })
        : undefined,
  }
  const send = async () => {
    setTried(true)
    if (faults.to || faults.text) return
    const body = { to: number, text: text.trim(), ...(caseId ? { case_id: caseId } : {}) }
    if (await act('send', () => tell('POST', '/messages', body), t('sms.sent'))) close()
  }
  useShortcut('Ctrl+Enter', t('app.keys.submit'), () => void send())
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void send()
  }
  return (
    <Panel title={t('sms.write')}>
      <form className={css.form} onSubmit={submit} noValidate>
        <Field
          label={t('sms.to')}
          required
          error={(tried && faults.to) || error?.fields.to}
          hint={t('sms.to_hint')}
        >
          {(control) => (
            <Input
              {...control}
              autoFocus
              inputMode="tel"
              maxLength={20}
              value={to}
              status={tried && faults.to ? 'error' : ''}
              onChange={(event) => setTo(event.target.value)}
            />
          )}
        </Field>
        <Field
          label={t('sms.text')}
          required
          error={(tried && faults.text) || error?.fields.text}
          hint={t('sms.count', { ...size })}
        >
          {(control) => (
            <Input.TextArea
              {...control}
              rows={7}
              value={text}
              status={tried && faults.text ? 'error' : ''}
              onChange={(event) => setText(event.target.value)}
            />
          )}
        </Field>
        <div className={css.foot}>
          <Button type="primary" htmlType="submit" loading={busy === 'send'}>
            {t('sms.send')} <Kbd onColor>Ctrl ↵</Kbd>
          </Button>
          <Button onClick={close}>{t('app.common.cancel')}</Button>
        </div>
      </form>
    </Panel>
  )
}
