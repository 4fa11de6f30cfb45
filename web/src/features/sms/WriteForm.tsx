import { useQuery } from '@tanstack/react-query'
import { Button, Input, Segmented } from 'antd'
import { type FormEvent, useEffect, useState } from 'react'
import { tell } from '../../api/ops'
import { caseQuery } from '../../api/queries'
import { useText } from '../../i18n'
import { useAct } from '../../ui/act'
import { Field } from '../../ui/Field'
import { phoneNumber, publicNo } from '../../ui/format'
import { useShortcut } from '../../ui/keys'
import lay from '../../ui/layout.module.css'
import { Panel } from '../../ui/Panel'
import { Kbd, Tag } from '../../ui/Tag'
import { segmentsOf, TEXT_MAX_CHARS } from './segments'

/** Digits of a number that can be reached: mobile, landline with area code, short service numbers. */
const NUMBER = /^\+?\d{3,15}$/

export function WriteForm({ caseId, close }: { caseId?: string; close: () => void }) {
  const { t } = useText()
  const [to, setTo] = useState('')
  const [text, setText] = useState('')
  const [tried, setTried] = useState(false)
  const one = useQuery({ ...caseQuery(caseId ?? ''), enabled: Boolean(caseId) }).data
  const phone = one?.requester.phone
  const [by, setBy] = useState<'requester' | 'number'>('requester')
  const toRequester = Boolean(phone) && by === 'requester'
  // The case begins the text once, and never over what was typed.
  useEffect(() => {
    if (one) setText((now) => now || t('sms.case_text', { title: one.title, no: one.public_no }))
  }, [one, t])
  const { act, busy, error } = useAct(['messages'], ['cases'])
  const number = to.replace(/[\s-]/g, '')
  const size = segmentsOf(text)
  const faults = {
    to: toRequester || NUMBER.test(number) ? undefined : t('sms.bad_number'),
    text: !text.trim()
      ? t('sms.no_text')
      : size.chars > TEXT_MAX_CHARS
        ? t('sms.too_long', { max: TEXT_MAX_CHARS })
        : undefined,
  }
  const send = async () => {
    setTried(true)
    if (faults.to || faults.text) return
    const body = {
      to: toRequester ? 'requester' : number,
      text: text.trim(),
      ...(caseId ? { case_id: caseId } : {}),
    }
    if (await act('send', () => tell('POST', '/messages', body), t('sms.sent'))) close()
  }
  useShortcut('Ctrl+Enter', t('app.keys.submit'), () => void send())
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void send()
  }
  return (
    <Panel title={t('sms.write')}>
      <form className={lay.form} onSubmit={submit} noValidate>
        {one && (
          <div className={lay.about}>
            <Tag tone="primary">{t('sms.of_case')}</Tag> <b>{one.title}</b>
            <div className="small num">{publicNo(one.public_no)}</div>
          </div>
        )}
        {phone && (
          <Field label={t('sms.whom')} required>
            {({ id }) => (
              <Segmented
                id={id}
                block
                value={by}
                options={[
                  { value: 'requester', label: `${t('sms.requester')} ${phoneNumber(phone)}` },
                  { value: 'number', label: t('sms.other_number') },
                ]}
                onChange={setBy}
              />
            )}
          </Field>
        )}
        {!toRequester && (
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
        )}
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
        <div className={lay.acts}>
          <Button type="primary" htmlType="submit" loading={busy === 'send'}>
            {t('sms.send')} <Kbd onColor>Ctrl ↵</Kbd>
          </Button>
          <Button onClick={close}>{t('app.common.cancel')}</Button>
        </div>
      </form>
    </Panel>
  )
}
