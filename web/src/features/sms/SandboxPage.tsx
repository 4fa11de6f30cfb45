/** The sandbox: phones that got messages, one of them in the hand; one reads and answers as its owner, or writes as any phone. */
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Button, Input } from 'antd'
import { type FormEvent, useEffect, useMemo, useRef, useState } from 'react'
import { type Message, messagesQuery, tell } from '../../api/ops'
import { useText } from '../../i18n'
import { useAct } from '../../ui/act'
import { Field } from '../../ui/Field'
import { clockTime, phoneNumber } from '../../ui/format'
import { Icon } from '../../ui/icons'
import lay from '../../ui/layout.module.css'
import { Panel } from '../../ui/Panel'
import { Empty, Gate, StateBlock } from '../../ui/States'
import { TopBar } from '../../ui/TopBar'
import { Moment } from '../../ui/time'
import { MessageStateTag } from './MessageState'
import { type Phone, phonesOf } from './phones'
import css from './sms.module.css'

const QUICK = ['1', '１', 'T', '收到']

export function SandboxPage() {
  const { t } = useText()
  const asked = useInfiniteQuery(messagesQuery({}))
  const [chosen, setChosen] = useState<string | null>(null)
  return (
    <div className={css.sandbox}>
      <TopBar>
        <h1 style={{ fontSize: 16 }}>{t('sms.sandbox')}</h1>
        <span className="small">{t('sms.sandbox_hint')}</span>
      </TopBar>
      <Gate asked={asked} rows={8}>
        {(data) => (
          <Phones messages={data.pages.flatMap((page) => page.items)} chosen={chosen} choose={setChosen} />
        )}
      </Gate>
      <AnyPhone />
    </div>
  )
}

interface PhonesProps {
  messages: Message[]
  chosen: string | null
  choose: (key: string) => void
}

function Phones({ messages, chosen, choose }: PhonesProps) {
  const { t } = useText()
  const phones = useMemo(() => phonesOf(messages), [messages])
  const phone = phones.find((each) => each.key === chosen) ?? phones[0]
  return (
    <>
      <Panel flush title={t('sms.phones')} extra={<Link to="/sms">{t('sms.back')}</Link>}>
        {phones.length === 0 ? (
          <Empty title={t('sms.no_phones')}>{t('sms.no_phones_hint')}</Empty>
        ) : (
          <div className={lay.list}>
            {phones.map((each) => (
              <PhoneItem key={each.key} phone={each} on={each === phone} choose={() => choose(each.key)} />
            ))}
          </div>
        )}
      </Panel>
      {phone ? (
        <Handset key={phone.key} phone={phone} />
      ) : (
        <div className={css.stand}>
          <StateBlock icon="sms" title={t('sms.choose')} />
        </div>
      )}
    </>
  )
}

function PhoneItem({ phone, on, choose }: { phone: Phone; on: boolean; choose: () => void }) {
  const last = phone.messages.at(-1)
  return (
    <button type="button" className={lay.item} aria-current={on || undefined} onClick={choose}>
      <span className={css.phoneRow}>
        <b className="num">{phoneNumber(phone.number)}</b>
        {last && <Moment at={last.created_at} />}
      </span>
      <span className="small">{phone.name}</span>
      <span className={`small ${lay.cut}`}>{last?.text}</span>
    </button>
  )
}

function Handset({ phone }: { phone: Phone }) {
  const { t } = useText()
  const end = useRef<HTMLDivElement>(null)
  const count = phone.messages.length
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new message scrolls into view
  useEffect(() => {
    end.current?.scrollIntoView({ block: 'end' })
  }, [count])
  const last = phone.messages.findLast((each) => each.direction === 'out')
  return (
    <div className={css.stand}>
      <section className={css.handset} aria-label={phone.number}>
        <header className={css.handsetHead}>
          <b>{t('sms.hotline')}</b>
          <span className="small num">{phoneNumber(phone.number)}</span>
        </header>
        <div className={css.bubbles} aria-live="polite">
          {phone.messages.map((each) => (
            <Bubble key={each.id} one={each} />
          ))}
          <div ref={end} />
        </div>
        {last && <Reply to={last} />}
      </section>
    </div>
  )
}

function Bubble({ one }: { one: Message }) {
  const { t } = useText()
  return (
    <div className={css.bubble} data-mine={one.direction === 'in' || undefined}>
      <p>{one.text === null ? t('sms.erased') : <Linked text={one.text} />}</p>
      <footer>
        <span className="num">{clockTime(one.created_at)}</span>
        {one.direction === 'out' && <MessageStateTag one={one} />}
        {one.case_id && (
          <Link to="/cases/$id" params={{ id: one.case_id }}>
            {t('sms.open_case')}
          </Link>
        )}
      </footer>
    </div>
  )
}

/** A link in an SMS is what its receiver taps on. */
function Linked({ text }: { text: string }) {
  return text.split(/(https?:\/\/[!-~]+)/).map((part, i) =>
    i % 2 === 1 ? (
      <a key={i} href={part} target="_blank" rel="noreferrer" style={{ textDecoration: 'underline' }}>
        {part}
      </a>
    ) : (
      part
    ),
  )
}

/** Answers the last message, so that it goes to the extension the question came from. */
function Reply({ to }: { to: Message }) {
  const { t } = useText()
  const [text, setText] = useState('')
  const { act, busy } = useAct(['messages'])
  const send = async (words: string) => {
    if (!words.trim()) return
    const path = `/messages/${to.id}/answer`
    if (await act('reply', () => tell('POST', path, { text: words }), t('sms.replied'))) setText('')
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void send(text)
  }
  return (
    <form className={css.reply} onSubmit={submit}>
      <div className={css.quick} role="group" aria-label={t('sms.quick')}>
        {QUICK.map((each) => (
          <Button key={each} size="small" disabled={busy !== null} onClick={() => void send(each)}>
            {each}
          </Button>
        ))}
        {to.ext && <span className="small num">{t('sms.reply_to', { ext: to.ext })}</span>}
      </div>
      <div className={css.replyRow}>
        <Input
          value={text}
          maxLength={670}
          placeholder={t('sms.reply_hint')}
          aria-label={t('sms.reply_hint')}
          onChange={(event) => setText(event.target.value)}
        />
        <Button type="primary" htmlType="submit" loading={busy === 'reply'} disabled={!text.trim()}>
          {t('sms.reply')}
        </Button>
      </div>
    </form>
  )
}

/** Any phone of the city writes to the hotline. */
function AnyPhone() {
  const { t } = useText()
  const [from, setFrom] = useState('')
  const [text, setText] = useState('')
  const [tried, setTried] = useState(false)
  const { act, busy, error } = useAct(['messages'], ['cases'])
  const number = from.replace(/[\s-]/g, '')
  const fault = /^\+?\d{5,15}$/.test(number) ? undefined : t('sms.bad_number')
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    setTried(true)
    if (fault || !text.trim()) return
    const body = { from: number, text: text.trim() }
    if (await act('write', () => tell('POST', '/sandbox/messages', body), t('sms.written'))) {
      setText('')
      setTried(false)
    }
  }
  return (
    <Panel title={t('sms.new_phone')}>
      <form className={lay.form} onSubmit={(event) => void submit(event)} noValidate>
        <Field
          label={t('sms.from')}
          required
          error={(tried && fault) || error?.fields.from}
          hint={t('sms.to_hint')}
        >
          {(control) => (
            <Input
              {...control}
              inputMode="tel"
              maxLength={20}
              value={from}
              onChange={(event) => setFrom(event.target.value)}
            />
          )}
        </Field>
        <Field
          label={t('sms.write_in')}
          required
          error={tried && !text.trim() ? t('sms.no_text') : undefined}
        >
          {(control) => (
            <Input.TextArea
              {...control}
              rows={5}
              maxLength={670}
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          )}
        </Field>
        <div className={lay.acts}>
          <Button type="primary" htmlType="submit" loading={busy === 'write'}>
            <Icon name="sms" size={14} /> {t('sms.send')}
          </Button>
        </div>
      </form>
    </Panel>
  )
}
