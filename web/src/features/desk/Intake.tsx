/** The intake form: written while talking, saved as typed, sent in one stroke. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { App, Button, Input, Select } from 'antd'
import { useEffect, useState, useSyncExternalStore } from 'react'
import { locateQuery } from '../../api/ops'
import type { Call } from '../../api/types'
import { useText } from '../../i18n'
import { Field } from '../../ui/Field'
import { clockTime, publicNo } from '../../ui/format'
import { Icon } from '../../ui/icons'
import { useShortcut } from '../../ui/keys'
import { Panel } from '../../ui/Panel'
import { ClassPicker, UnitPicker } from '../../ui/pickers'
import { problemText } from '../../ui/problem'
import { Kbd, Tag } from '../../ui/Tag'
import { AnswerDialog } from './AnswerDialog'
import css from './desk.module.css'
import { draftWorld } from './draft-world'
import { type DraftSnapshot, type Faults, faultsOf, IntakeDraft, type IntakeForm, LIMITS } from './intake'
import { PlacePick } from './PlacePick'
import { placeOf } from './point'
import { dispatch, type Outcome, submit, type Way } from './submit'

export function Intake({ call, close }: { call: Call | null; close?: () => void }) {
  const { t, raw } = useText()
  const { message } = App.useApp()
  const callId = call?.id ?? null
  const draft = useDraft(callId, call)
  const shot = useSyncExternalStore(draft.subscribe, draft.getSnapshot)
  const [shown, setShown] = useState(false)
  const [busy, setBusy] = useState(false)
  const [answering, setAnswering] = useState(false)
  const [outcome, setOutcome] = useState<(Outcome & { way: Way }) | null>(null)
  const faults = faultsOf(shot.form)
  const complete = Object.keys(faults).length === 0

  const send = async (way: Way) => {
    setShown(true)
    if (!complete || busy) return
    setBusy(true)
    try {
      const result = await submit(shot.form, callId, way)
      draft.clear()
      setShown(false)
      setAnswering(false)
      setOutcome({ ...result, way })
    } catch (error) {
      const problem = problemText(error, raw)
      message.error(problem.detail ? `${problem.title}：${problem.detail}` : problem.title)
    } finally {
      setBusy(false)
    }
  }

  const title = callId ? t('desk.form.title') : t('desk.form.manual_title')
  if (outcome) {
    return (
      <Panel title={title} beside={<Tag tone="good">{t('desk.form.done')}</Tag>}>
        <Done outcome={outcome} next={() => setOutcome(null)} set={setOutcome} />
      </Panel>
    )
  }
  return (
    <Panel
      title={title}
      beside={<SavedTag shot={shot} />}
      extra={
        close && (
          <Button size="small" onClick={close}>
            {t('desk.idle.back')}
          </Button>
        )
      }
      flush
    >
      <Form draft={draft} form={shot.form} faults={shown ? faults : {}} call={call} />
      <Foot
        draft={draft}
        form={shot.form}
        busy={busy}
        send={send}
        answer={() => (complete ? setAnswering(true) : setShown(true))}
      />
      <AnswerDialog
        open={answering}
        busy={busy}
        close={() => setAnswering(false)}
        send={(answer_text) => void send({ kind: 'answer', answer_text })}
      />
    </Panel>
  )
}

/** One draft per call; the form keeps it while it is open. */
function useDraft(callId: string | null, call: Call | null): IntakeDraft {
  const [draft] = useState(() => new IntakeDraft(draftWorld(callId), startOf(call)))
  useEffect(() => {
    void draft.open()
  }, [draft])
  return draft
}

function startOf(call: Call | null): Partial<IntakeForm> {
  // The name that the hub shows is masked: it is no name to put into a case.
  return call ? {} : { channel: 'visit' }
}

function SavedTag({ shot }: { shot: DraftSnapshot }) {
  const { t } = useText()
  if (shot.saved === 'empty') return <Tag>{t('desk.form.empty')}</Tag>
  if (shot.saved === 'saving') return <Tag>{t('desk.form.saving')}</Tag>
  if (shot.saved === 'local') return <Tag tone="warn">{t('desk.form.local')}</Tag>
  return <Tag>{t('desk.form.saved', { time: shot.savedAt ? clockTime(shot.savedAt, true) : '' })}</Tag>
}

interface FormProps {
  draft: IntakeDraft
  form: IntakeForm
  faults: Faults
  call: Call | null
}

const NATURES = ['help', 'consult', 'complain', 'report', 'suggest', 'praise', 'other']
const MANUAL_CHANNELS = [
  'visit',
  'letter',
  'leader',
  'media',
  'wechat',
  'app',
  'web',
  'transfer_110',
  'platform',
]

function Form({ draft, form, faults, call }: FormProps) {
  const { t, code } = useText()
  const fault = (name: keyof IntakeForm) => {
    const what = faults[name]
    if (what === undefined) return undefined
    return what === 'required' ? t('desk.form.required') : t('desk.form.too_long', { n: what })
  }
  const status = (name: keyof IntakeForm) => (faults[name] === undefined ? '' : 'error')
  const options = (set: string, values: string[]) =>
    values.map((value) => ({ value, label: code(set, value) }))
  return (
    <div style={{ padding: '12px 14px', overflow: 'auto', flex: 1, minHeight: 0 }}>
      <div className={css.grid}>
        <Field label={t('desk.form.nature')} required>
          {(control) => (
            <Select
              {...control}
              value={form.nature}
              options={options('nature', NATURES)}
              onChange={(value) => draft.set('nature', value)}
            />
          )}
        </Field>
        <Field label={t('desk.form.urgency')} required>
          {(control) => (
            <Select
              {...control}
              value={form.urgency}
              options={options('urgency', ['normal', 'urgent', 'extra_urgent'])}
              onChange={(value) => draft.set('urgency', value)}
              labelRender={urgencyLabel}
            />
          )}
        </Field>
        <Field label={t('desk.form.channel')}>
          {(control) =>
            call ? (
              <Input
                {...control}
                value={t('desk.form.channel_call', {
                  number: call.direction === 'out' ? call.from.number : call.to.number,
                })}
                readOnly
              />
            ) : (
              <Select
                {...control}
                value={form.channel}
                options={options('channel', MANUAL_CHANNELS)}
                onChange={(value) => draft.set('channel', value)}
              />
            )
          }
        </Field>
        <Field label={t('desk.form.heading')} required span={3} error={fault('title')}>
          {(control) => (
            <Input
              {...control}
              status={status('title')}
              value={form.title}
              onChange={(event) => draft.set('title', event.target.value)}
            />
          )}
        </Field>
        <Field
          label={t('desk.form.narrative')}
          required
          span={3}
          error={fault('narrative')}
          extra={`${[...form.narrative].length} / ${LIMITS.narrative}`}
        >
          {(control) => (
            <Input.TextArea
              {...control}
              status={status('narrative')}
              value={form.narrative}
              autoSize={{ minRows: 3, maxRows: 8 }}
              style={{ lineHeight: '24px' }}
              onChange={(event) => draft.set('narrative', event.target.value)}
            />
          )}
        </Field>
        <Field
          label={t('desk.form.place')}
          required
          span={2}
          error={fault('place')}
          extra={<PlacePick point={form.point} set={(point) => draft.set('point', point)} />}
        >
          {(control) => (
            <Input
              {...control}
              status={status('place')}
              value={form.place}
              placeholder={t('desk.form.place_hint')}
              onChange={(event) => draft.set('place', event.target.value)}
            />
          )}
        </Field>
        <Field label={t('desk.form.class')} required error={fault('class_code')}>
          {(control) => (
            <ClassPicker
              {...control}
              status={status('class_code')}
              placeholder={t('desk.form.choose_class')}
              value={form.class_code}
              onChange={(value) => draft.set('class_code', value)}
            />
          )}
        </Field>
        <Field label={t('desk.form.name')} error={fault('name')}>
          {(control) => (
            <Input
              {...control}
              value={form.name}
              onChange={(event) => draft.set('name', event.target.value)}
            />
          )}
        </Field>
        {!call && (
          <Field label={t('desk.form.phone')} error={fault('phone')}>
            {(control) => (
              <Input
                {...control}
                value={form.phone}
                inputMode="tel"
                onChange={(event) => draft.set('phone', event.target.value)}
              />
            )}
          </Field>
        )}
        <Field label={t('desk.form.demand')} span={call ? 2 : 1} error={fault('demand')}>
          {(control) => (
            <Input
              {...control}
              value={form.demand}
              placeholder={t('desk.form.demand_hint')}
              onChange={(event) => draft.set('demand', event.target.value)}
            />
          )}
        </Field>
      </div>
      <SendTo draft={draft} form={form} />
    </div>
  )
}

function urgencyLabel({ value, label }: { value: string | number; label?: React.ReactNode }) {
  if (value === 'normal') return label
  return <Tag tone={value === 'extra_urgent' ? 'solid' : 'outline'}>{label}</Tag>
}

/** Where it goes. Left open, the case is registered and the hub's duty list proposes a unit. */
function SendTo({ draft, form }: { draft: IntakeDraft; form: IntakeForm }) {
  const { t } = useText()
  const place = placeOf(form.point)
  const asked = useQuery({
    ...locateQuery(place, form.class_code),
    enabled: place !== null && form.class_code !== '',
  })
  const lead = form.class_code === '' ? undefined : asked.data?.duty?.lead
  return (
    <div className={css.sugs}>
      <div className={css.sug}>
        <div className={css.sugRow} style={{ justifyContent: 'flex-start' }}>
          <b>{t('desk.form.to')}</b>
          <UnitPicker
            known={lead ? [lead] : []}
            value={form.unit_id}
            onChange={(id) => draft.set('unit_id', id)}
            placeholder={t('desk.form.choose_unit')}
            style={{ width: 260 }}
            aria-label={t('desk.form.choose_unit')}
          />
          {lead && lead.id !== form.unit_id && (
            <Button size="small" onClick={() => draft.set('unit_id', lead.id)}>
              {t('desk.form.suggested')} {lead.name}
            </Button>
          )}
          {lead && lead.id === form.unit_id && <Tag tone="good">{t('desk.form.by_duty')}</Tag>}
        </div>
      </div>
    </div>
  )
}

interface FootProps {
  draft: IntakeDraft
  form: IntakeForm
  busy: boolean
  send: (way: Way) => Promise<void>
  answer: () => void
}

function Foot({ draft, form, busy, send, answer }: FootProps) {
  const { t } = useText()
  const { modal } = App.useApp()
  const { unit_id } = form
  const go = () => void send(unit_id ? { kind: 'dispatch', unit_id } : { kind: 'register' })
  useShortcut('Ctrl+Enter', t('app.keys.submit'), go)
  const discard = () =>
    modal.confirm({
      title: t('desk.form.discard_sure'),
      okText: t('desk.form.discard'),
      okButtonProps: { danger: true },
      onOk: () => draft.clear(),
    })
  return (
    <div className={css.foot}>
      <Button type="primary" loading={busy} onClick={go}>
        {unit_id ? t('desk.form.submit') : t('desk.form.submit_only')} <Kbd onColor>Ctrl ↵</Kbd>
      </Button>
      <Button disabled={busy} onClick={answer}>
        {t('desk.form.answer')}
      </Button>
      {unit_id && (
        <Button disabled={busy} onClick={() => void send({ kind: 'register' })}>
          {t('desk.form.submit_only')}
        </Button>
      )}
      <Button type="text" disabled={busy} onClick={discard}>
        {t('desk.form.discard')}
      </Button>
    </div>
  )
}

type Reached = Outcome & { way: Way }

function Done({
  outcome,
  next,
  set,
}: {
  outcome: Reached
  next: () => void
  set: (reached: Reached) => void
}) {
  const { t, code, raw } = useText()
  const one = outcome.case
  const far = outcome.error
    ? problemText(outcome.error, raw).title
    : outcome.way.kind === 'dispatch'
      ? t('desk.form.done_sent', { unit: one.lead_unit?.name ?? '' })
      : outcome.way.kind === 'answer'
        ? t('desk.form.done_answered')
        : t('desk.form.done_kept', { node: code('node', one.node) })
  return (
    <div className={css.done}>
      <h3>
        <Icon name={outcome.error ? 'info' : 'check'} size={18} />
        {one.title}
      </h3>
      <p className={css.read}>
        {t('desk.form.done_read', { no: publicNo(one.public_no), code: one.query_code ?? '' })}
      </p>
      <p className={outcome.error ? css.partly : 'muted'}>
        {outcome.error ? `${t('desk.form.partly')}：` : ''}
        {far}
      </p>
      <Proposed outcome={outcome} set={set} />
      <div className={css.row}>
        <Link to="/cases/$id" params={{ id: one.id }}>
          <Button>{t('desk.form.open_case')}</Button>
        </Link>
        <Button onClick={next}>{t('desk.form.next')}</Button>
      </div>
    </div>
  )
}

/** The hub's duty list names a unit for what was only registered: one stroke sends it there. */
function Proposed({ outcome, set }: { outcome: Reached; set: (reached: Reached) => void }) {
  const { t } = useText()
  const [busy, setBusy] = useState(false)
  const { case: one, way } = outcome
  const proposal = one.proposal
  if (way.kind !== 'register' || outcome.error || !proposal || one.lead_unit) return null
  const send = async () => {
    setBusy(true)
    const way: Way = { kind: 'dispatch', unit_id: proposal.unit.id }
    set({ ...(await dispatch(one, proposal.unit.id)), way })
  }
  return (
    <div className={css.sug} style={{ margin: 0, width: '100%' }}>
      <div className={css.sugRow}>
        <b>{t('desk.form.suggested')}</b>
        <Tag tone="primary">{proposal.unit.name}</Tag>
        <Button type="primary" loading={busy} onClick={() => void send()}>
          {t('desk.form.submit')}
        </Button>
      </div>
      <div className="small">{proposal.reason}</div>
    </div>
  )
}
