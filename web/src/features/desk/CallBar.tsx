/** The running call: the loudest thing on the desk. Ringing, talking, held, consulting. */
import { Popover } from 'antd'
import { type ReactNode, useState } from 'react'
import type { Call } from '../../api/types'
import { type Text, useText } from '../../i18n'
import { phoneNumber } from '../../ui/format'
import { Icon, type IconName } from '../../ui/icons'
import { useShortcut } from '../../ui/keys'
import { Kbd } from '../../ui/Tag'
import { Elapsed } from '../../ui/time'
import css from './desk.module.css'
import { TransferDialog } from './TransferDialog'
import { type CallControl, useCall } from './useCall'

export function CallBar({ call, compact }: { call: Call; compact?: boolean }) {
  const control = useCall(call)
  const ringing = call.state === 'ringing' || call.state === 'queued'
  const { t } = useText()
  const far = farEnd(call)
  return (
    <section
      className={`${css.call} ${ringing ? css.ringing : ''}`}
      data-state={call.state}
      aria-label={t('desk.work.current')}
    >
      {ringing && (
        <span className="unseen" role="status">
          {t('desk.call.announce', {
            name: far.name ?? t('desk.call.unknown_name'),
            number: phoneNumber(far.number),
          })}
        </span>
      )}
      <div className={css.callRow}>
        <Who call={call} control={control} compact={compact} />
        <span className={css.time}>
          <Elapsed
            since={ringing ? (call.queued_at ?? call.started_at) : (call.answered_at ?? call.started_at)}
          />
        </span>
        {ringing ? (
          <RingButtons call={call} control={control} />
        ) : (
          <TalkButtons call={call} control={control} />
        )}
      </div>
      {!ringing && call.third && <ThirdParty third={call.third} control={control} />}
      {!ringing && legMissing(control) && <LegMissing control={control} />}
    </section>
  )
}

/** The one at the other end. */
export function farEnd(call: Call): {
  number: string
  name?: string | null
  area?: string | null
  verified?: boolean
} {
  return call.direction === 'out' ? call.to : call.from
}

function Who({ call, control, compact }: { call: Call; control: CallControl; compact?: boolean }) {
  const text = useText()
  const far = farEnd(call)
  return (
    <div className={css.who}>
      <b>{far.name ?? text.t('desk.call.unknown_name')}</b>{' '}
      <span className="num">{phoneNumber(far.number)}</span>
      <small>{facts(call, text, compact, control.leg.reattached).join('　')}</small>
    </div>
  )
}

function facts(call: Call, { t }: Text, compact: boolean | undefined, reattached: boolean): string[] {
  const far = farEnd(call)
  const list: (string | null | undefined | false)[] = [
    call.direction === 'out' ? t('desk.call.out') : call.queue?.name,
    call.state === 'ringing' && far.area,
  ]
  if (call.state === 'ringing')
    list.push(call.direction === 'out' ? t('desk.call.ringing_out') : t('desk.call.incoming'))
  if (call.state === 'held') list.push(t('desk.call.held'))
  if (call.state === 'talking' && call.recording?.available) list.push(t('desk.call.recording'))
  if (reattached && call.state === 'talking') list.push(t('desk.call.reattached'))
  if (call.muted) list.push(t('desk.call.muted'))
  if (!compact && far.verified && call.state === 'ringing') list.push(t('desk.call.verified'))
  return list.filter((each): each is string => Boolean(each))
}

interface ButtonProps {
  icon?: IconName
  label: string
  keyName?: string
  kind?: 'answer' | 'end'
  pressed?: boolean
  disabled?: boolean
  run?: () => void
}

function CallButton({ icon, label, keyName, kind, pressed, disabled, run }: ButtonProps) {
  return (
    <button
      type="button"
      className={css.cb}
      data-kind={kind}
      aria-pressed={pressed}
      disabled={disabled}
      onClick={run}
      aria-keyshortcuts={keyName}
    >
      {icon && <Icon name={icon} size={15} />}
      {label}
      {keyName && <Kbd onColor={kind !== 'answer'}>{keyName}</Kbd>}
    </button>
  )
}

function RingButtons({ call, control }: { call: Call; control: CallControl }) {
  const { t } = useText()
  const incoming = call.direction !== 'out'
  const canAnswer = incoming && control.leg.state === 'ringing'
  useShortcut('F3', t('app.keys.answer'), control.answer, canAnswer)
  useShortcut('F4', t('app.keys.hang_up'), incoming ? control.reject : () => void control.hangUp())
  return (
    <>
      {incoming && (
        <CallButton
          icon="calls"
          label={
            canAnswer || control.leg.state === 'answering' ? t('desk.call.answer') : t('desk.call.on_phone')
          }
          keyName="F3"
          kind="answer"
          run={control.answer}
          disabled={!canAnswer}
        />
      )}
      <CallButton
        icon="phone_down"
        label={incoming ? t('desk.call.reject') : t('desk.call.hang_up')}
        keyName="F4"
        kind="end"
        run={incoming ? control.reject : () => void control.hangUp()}
      />
    </>
  )
}

function TalkButtons({ call, control }: { call: Call; control: CallControl }) {
  const { t } = useText()
  const [transfer, setTransfer] = useState(false)
  const held = call.state === 'held'
  useShortcut('F4', t('app.keys.hang_up'), () => void control.hangUp())
  useShortcut('F6', t('app.keys.hold'), () => void control.toggleHold())
  useShortcut('F7', t('app.keys.mute'), () => void control.toggleMute())
  useShortcut('F8', t('app.keys.transfer'), () => setTransfer(true))
  return (
    <>
      <CallButton
        label={held ? t('desk.call.resume') : t('desk.call.hold')}
        keyName="F6"
        pressed={held}
        disabled={control.busy === 'hold' || Boolean(call.third)}
        run={() => void control.toggleHold()}
      />
      <CallButton
        label={t('desk.call.mute')}
        keyName="F7"
        pressed={call.muted === true}
        run={() => void control.toggleMute()}
      />
      <CallButton
        label={t('desk.call.transfer')}
        keyName="F8"
        disabled={Boolean(call.third)}
        run={() => setTransfer(true)}
      />
      <Keypad digit={control.digit}>
        <button type="button" className={css.cb}>
          {t('desk.call.keypad')}
        </button>
      </Keypad>
      <CallButton label={t('desk.call.hang_up')} keyName="F4" kind="end" run={() => void control.hangUp()} />
      <TransferDialog open={transfer} close={() => setTransfer(false)} act={control.act} />
    </>
  )
}

function Keypad({ digit, children }: { digit: (digit: string) => void; children: ReactNode }) {
  const keys = (
    <div className={css.keypad}>
      {[...'123456789*0#'].map((key) => (
        <button key={key} type="button" onClick={() => digit(key)}>
          {key}
        </button>
      ))}
    </div>
  )
  return (
    <Popover content={keys} trigger="click" placement="bottom">
      {children}
    </Popover>
  )
}

/** Somebody is asked while the citizen waits, or takes part. */
function ThirdParty({ third, control }: { third: NonNullable<Call['third']>; control: CallControl }) {
  const { t } = useText()
  const name = third.name ?? t('desk.third.outside')
  return (
    <div className={css.warnRow} role="status">
      {t(`desk.third.${third.state}`, { name })}
      {third.state === 'talking' && (
        <>
          <button type="button" onClick={() => void control.act('complete')}>
            {t('desk.third.complete')}
          </button>
          <button type="button" onClick={() => void control.act('conference')}>
            {t('desk.third.conference')}
          </button>
        </>
      )}
      {third.state !== 'together' && (
        <button type="button" onClick={() => void control.act('cancel_consult')}>
          {t('desk.third.cancel')}
        </button>
      )}
    </div>
  )
}

/** The hub has the call, this browser has no sound for it. A desk phone may have: then nothing is wrong. */
function legMissing(control: CallControl): boolean {
  return control.leg.state === 'failed' || control.leg.state === 'connecting'
}

function LegMissing({ control }: { control: CallControl }) {
  const { t } = useText()
  return (
    <div className={css.warnRow} role="status">
      {t('desk.call.leg_missing')}
      <button type="button" onClick={() => void control.retake()}>
        {t('desk.call.retake')}
      </button>
    </div>
  )
}
