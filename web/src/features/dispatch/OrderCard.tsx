/** One order: what, who, the ladder with the countdown to the next, its course, and what may be done. */
import { queryOptions, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Button, Input } from 'antd'
import { type FormEvent, useState } from 'react'
import { ask, type Order, type Responder, tell } from '../../api/ops'
import { meQuery } from '../../api/queries'
import { useText } from '../../i18n'
import { useAct } from '../../ui/act'
import { Field } from '../../ui/Field'
import { phoneNumber } from '../../ui/format'
import { Icon } from '../../ui/icons'
import lay from '../../ui/layout.module.css'
import { Panel } from '../../ui/Panel'
import { Gate } from '../../ui/States'
import { Tag } from '../../ui/Tag'
import { Moment } from '../../ui/time'
import { Climb } from './Climb'
import css from './dispatch.module.css'
import { OrderStateTag } from './OrderList'
import { type OrderVerb, SAYS, verbsOf } from './order'

const orderQuery = (id: string) =>
  queryOptions({
    queryKey: ['orders', 'one', id],
    queryFn: () => ask<Order>(`/orders/${encodeURIComponent(id)}`),
  })

export function OrderCard({
  id,
  responders,
  close,
}: {
  id: string
  responders: Responder[]
  close: () => void
}) {
  const { t } = useText()
  const asked = useQuery(orderQuery(id))
  const order = asked.data
  return (
    <Panel
      title={order?.responder ?? t('dispatch.order')}
      beside={order && <OrderStateTag order={order} />}
      extra={
        <Button size="small" type="text" onClick={close} aria-label={t('dispatch.back')}>
          <Icon name="close" size={14} />
        </Button>
      }
    >
      <Gate asked={asked}>
        {(one) => <Body order={one} unit={responders.find((each) => each.id === one.responder_id)} />}
      </Gate>
    </Panel>
  )
}

function Body({ order, unit }: { order: Order; unit: Responder | undefined }) {
  const { t } = useText()
  return (
    <div className={css.card}>
      <p className={css.text}>{order.text}</p>
      <div className={`${lay.row} small`}>
        <span>{t('dispatch.by', { name: order.given_by })}</span>
        <Moment at={order.given_at} />
        {order.case_id && (
          <Link to="/cases/$id" params={{ id: order.case_id }}>
            {t('dispatch.open_case')}
          </Link>
        )}
      </div>
      {order.state === 'given' && (
        <div className={css.climb} data-over={order.exhausted || undefined} role="status">
          <Climb order={order} answerSeconds={unit?.answer_seconds} />
        </div>
      )}
      <Acts order={order} />
      {order.result && <p className={css.result}>{order.result}</p>}
      <h3 className={css.head}>{t('dispatch.ladder')}</h3>
      <ol className={css.ladder}>
        {order.ladder.map((rung, i) => (
          <li key={`${rung.name}${rung.phone}`} data-done={i < order.alerted || undefined}>
            <span className="num">{i + 1}</span>
            <span>
              <b>{rung.name}</b> <span className="muted">{t(`dispatch.role.${rung.role}`)}</span>
              <span className="small num"> {phoneNumber(rung.phone)}</span>
            </span>
            <RungState order={order} at={i} />
          </li>
        ))}
      </ol>
      <h3 className={css.head}>{t('dispatch.steps')}</h3>
      <ol className={css.steps}>
        {order.reached.map((step) => (
          <li key={step.state}>
            <Moment at={step.at} seconds /> {t(`dispatch.order_state.${step.state}`)}
          </li>
        ))}
      </ol>
    </div>
  )
}

function RungState({ order, at }: { order: Order; at: number }) {
  const { t } = useText()
  if (at >= order.alerted) return <span className="small">{t('dispatch.waiting')}</span>
  const asked = at === order.alerted - 1 && order.state === 'given' && !order.exhausted
  return asked ? <Tag tone="warn">{t('dispatch.now_waiting')}</Tag> : <Tag>{t('dispatch.alerted')}</Tag>
}

function Acts({ order }: { order: Order }) {
  const { t } = useText()
  const { data: me } = useQuery(meQuery)
  const may = (right: string) => !me?.actions || me.actions.includes(right)
  const [saying, setSaying] = useState<OrderVerb | null>(null)
  const { act, busy } = useAct(['orders'], ['responders'])
  const verbs = verbsOf(order, { handle: may('order.handle'), give: may('dispatch.order') })
  if (verbs.length === 0) return null
  const run = async (verb: OrderVerb, said: object = {}) => {
    const done = t('dispatch.said', { verb: t(`dispatch.verb.${verb}`) })
    if (await act(verb, () => tell('POST', `/orders/${order.id}/${verb}`, said), done)) setSaying(null)
  }
  return (
    <>
      <div className={lay.acts}>
        {verbs.map((verb, i) => (
          <Button
            key={verb}
            type={i === 0 ? 'primary' : 'default'}
            danger={verb === 'cancel' || verb === 'decline'}
            loading={busy === verb}
            aria-pressed={saying === verb}
            onClick={() => (SAYS[verb] ? setSaying(verb) : void run(verb))}
          >
            {t(`dispatch.verb.${verb}`)}
          </Button>
        ))}
      </div>
      {saying && (
        <Say
          key={saying}
          verb={saying}
          busy={busy !== null}
          close={() => setSaying(null)}
          send={(said) => void run(saying, said)}
        />
      )}
    </>
  )
}

interface SayProps {
  verb: OrderVerb
  busy: boolean
  close: () => void
  send: (said: object) => void
}

function Say({ verb, busy, close, send }: SayProps) {
  const { t } = useText()
  const name = SAYS[verb] ?? 'reason'
  const [text, setText] = useState('')
  const [tried, setTried] = useState(false)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    setTried(true)
    if (text.trim()) send({ [name]: text.trim() })
  }
  return (
    <form className={css.say} onSubmit={submit} noValidate>
      <Field
        label={t(`dispatch.${name}`)}
        required
        error={tried && !text.trim() ? t('dispatch.fill') : undefined}
      >
        {(control) => (
          <Input.TextArea
            {...control}
            autoFocus
            rows={2}
            maxLength={200}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        )}
      </Field>
      <div className={lay.acts}>
        <Button type="primary" htmlType="submit" danger={name === 'reason'} loading={busy}>
          {t(`dispatch.verb.${verb}`)}
        </Button>
        <Button onClick={close}>{t('app.common.cancel')}</Button>
      </div>
    </form>
  )
}
