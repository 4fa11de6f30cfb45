/** After-call work: its own visible state with a countdown and a required outcome. */
import { Button, Input } from 'antd'
import { useState } from 'react'
import type { Call, Desk } from '../../api/types'
import { useText } from '../../i18n'
import { duration, phoneNumber } from '../../ui/format'
import { Countdown } from '../../ui/time'
import { farEnd } from './CallBar'
import css from './desk.module.css'
import { useCall } from './useCall'

const NOTE_MAX_CHARS = 200
/** What one press adds to the time; the hub allows ten at most. */
const MORE_MINUTES = 2

export function WrapUp({ desk, call }: { desk: Desk; call: Call }) {
  const { t, raw, code: name } = useText()
  const control = useCall(call)
  const [code, setCode] = useState(call.case ? (desk.wrap_up_codes[0]?.code ?? '') : '')
  const [note, setNote] = useState('')
  const far = farEnd(call)
  // A hub without codes asks for none.
  const ready = desk.wrap_up_codes.length === 0 || code !== ''
  const done = () => control.act('wrap_up', { code: code || undefined, note: note.trim() || undefined })
  const more = () => control.act('wrap_up', { more_minutes: MORE_MINUTES })
  return (
    <section className={css.wrap} aria-label={t('desk.wrap.title')}>
      <div className={css.wrapHead}>
        <b>{t('desk.wrap.title')}</b>
        <span className="small">
          {far.name ?? t('desk.call.unknown_name')} <span className="num">{phoneNumber(far.number)}</span>
          {call.talk_ms ? `　${duration(call.talk_ms, raw)}` : ''}
        </span>
        <span className={css.wrapTime}>
          {desk.after_call_until && <Countdown until={desk.after_call_until} />}
        </span>
      </div>
      {desk.wrap_up_codes.length > 0 && (
        <div className={css.codes} role="radiogroup" aria-label={t('desk.wrap.code')}>
          {desk.wrap_up_codes.map((each) => (
            <button
              key={each.code}
              type="button"
              role="radio"
              aria-checked={code === each.code}
              onClick={() => setCode(each.code)}
            >
              {each.name}
            </button>
          ))}
        </div>
      )}
      <div className={css.wrapFoot}>
        {desk.wrap_up_codes.length > 0 && (
          <Input
            value={note}
            maxLength={NOTE_MAX_CHARS}
            onChange={(event) => setNote(event.target.value)}
            placeholder={t('desk.wrap.note')}
            aria-label={t('desk.wrap.note')}
          />
        )}
        <Button onClick={() => void more()}>{t('desk.wrap.more', { n: MORE_MINUTES })}</Button>
        <Button
          type="primary"
          disabled={!ready}
          loading={control.busy === 'wrap_up'}
          onClick={() => void done()}
          title={ready ? undefined : t('desk.wrap.choose')}
        >
          {t('desk.wrap.done')}
        </Button>
      </div>
      <span className="small">
        {t('desk.wrap.keep', {
          state: desk.next_state?.reason ?? name('agent_state', desk.next_state?.state ?? 'ready'),
        })}
      </span>
    </section>
  )
}
