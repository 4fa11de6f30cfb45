/** The form of one verb, made from the schema the hub sent; and the act itself. */
import { useQueryClient } from '@tanstack/react-query'
import { App, Button, Input, InputNumber, Select, Switch } from 'antd'
import { type FormEvent, useMemo, useState } from 'react'
import { ApiError, api, take } from '../../api/client'
import { caseQuery } from '../../api/queries'
import { readCase } from '../../api/read'
import type { Case, UnitRef, Verb } from '../../api/types'
import { useText } from '../../i18n'
import { Field } from '../Field'
import { useShortcut } from '../keys'
import { ClassPicker, UnitPicker, UnitsPicker } from '../pickers'
import { problemText } from '../problem'
import { Kbd } from '../Tag'
import css from './case.module.css'
import {
  bodyOf,
  type Fault,
  type FormField,
  faultsOf,
  fieldsOf,
  initialValues,
  type Values,
} from './schema-form'
import { verbName } from './verbs'

/** Does a verb: says what came of it, puts the answer into the cache. */
export function useVerb(one: Pick<Case, 'id'>) {
  const { message } = App.useApp()
  const { t, raw, code } = useText()
  const client = useQueryClient()
  const [busy, setBusy] = useState<string | null>(null)
  const [error, setError] = useState<ApiError | null>(null)
  const act = async (verb: string, body: Record<string, unknown>): Promise<boolean> => {
    setBusy(verb)
    setError(null)
    try {
      const after = await take(
        api.POST('/cases/{id}/{verb}', { params: { path: { id: one.id, verb } }, body }),
      )
      client.setQueryData(caseQuery(one.id).queryKey, readCase(after))
      void client.invalidateQueries({ queryKey: ['cases'], refetchType: 'active' })
      message.success(t('cases.actions.done', { verb: code('verb', verb) }))
      return true
    } catch (failure) {
      const problem = problemText(failure, raw)
      message.error(problem.detail ?? problem.title)
      if (failure instanceof ApiError) setError(failure)
      // Another hand was quicker: show the case as it is now.
      if (failure instanceof ApiError && (failure.status === 409 || failure.status === 412))
        void client.invalidateQueries({ queryKey: caseQuery(one.id).queryKey })
      return false
    } finally {
      setBusy(null)
    }
  }
  return { act, busy, error }
}

export function VerbForm({ one, verb, close }: { one: Case; verb: Verb; close: () => void }) {
  const { t, code, lang } = useText()
  const fields = useMemo(() => fieldsOf(verb.schema), [verb])
  const [values, setValues] = useState<Values>(() => ({ ...proposed(one, verb), ...initialValues(fields) }))
  const [shown, setShown] = useState(false)
  const { act, busy, error } = useVerb(one)
  const faults = faultsOf(fields, values)
  const name = verbName(verb, { code, lang })
  const send = async () => {
    setShown(true)
    if (Object.keys(faults).length > 0) return
    if (await act(verb.verb, bodyOf(fields, values))) close()
  }
  useShortcut('Ctrl+Enter', t('app.keys.submit'), () => void send())
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void send()
  }
  return (
    <form className={css.form} onSubmit={submit} noValidate>
      {fields.map((field, i) => (
        <FieldRow
          key={field.name}
          field={field}
          value={values[field.name]}
          fault={shown ? faults[field.name] : undefined}
          refusal={error?.fields[field.name]}
          first={i === 0}
          known={one.proposal ? [one.proposal.unit] : []}
          set={(value) => setValues((now) => ({ ...now, [field.name]: value }))}
        />
      ))}
      {verb.verb === 'assign' && one.proposal?.reason && <p className="small">{one.proposal.reason}</p>}
      {fields.length === 0 && <p>{t('cases.actions.sure', { verb: name })}</p>}
      {verb.danger && <p className="small">{t('cases.actions.cannot_undo')}</p>}
      <div className={css.formFoot}>
        <Button type="primary" htmlType="submit" danger={verb.danger} loading={busy !== null}>
          {name} <Kbd onColor>Ctrl ↵</Kbd>
        </Button>
        <Button onClick={close}>{t('app.common.cancel')}</Button>
      </div>
    </form>
  )
}

/** The duty list's proposal stands in the form; whoever dispatches may choose otherwise. */
function proposed(one: Case, verb: Verb): Values {
  return verb.verb === 'assign' && one.proposal ? { unit_id: one.proposal.unit.id } : {}
}

interface RowProps {
  field: FormField
  value: unknown
  fault?: Fault
  refusal?: string
  first: boolean
  known: UnitRef[]
  set: (value: unknown) => void
}

function FieldRow({ field, value, fault, refusal, first, known, set }: RowProps) {
  const { code, lang } = useText()
  const words = useFaultText()
  // The hub's schema describes its fields in Chinese; a short description is the label itself.
  const told = lang === 'zh' ? (field.title ?? shortLabel(field.description)) : undefined
  const label = told ?? code('field', field.name, field.title ?? field.name)
  const hint = told === undefined || field.title ? (lang === 'zh' ? field.description : undefined) : undefined
  return (
    <Field label={label} required={field.required} hint={hint} error={fault ? words(fault) : refusal}>
      {(control) => (
        <ControlFor
          field={field}
          value={value}
          set={set}
          control={{ ...control, autoFocus: first }}
          known={known}
          invalid={Boolean(fault)}
          label={label}
        />
      )}
    </Field>
  )
}

/** Longer than this a description is a sentence, not a name. */
const LABEL_MAX_CHARS = 22

function shortLabel(description: string | undefined): string | undefined {
  const text = description?.replace(/[.。]$/, '')
  return text && text.length <= LABEL_MAX_CHARS && /\p{Script=Han}/u.test(text) ? text : undefined
}

function useFaultText() {
  const { t } = useText()
  return (fault: Fault): string => {
    if (fault.kind === 'missing') return t('cases.actions.missing')
    if (fault.kind === 'range') return t('cases.actions.range', { min: fault.min, max: fault.max })
    return t(fault.kind === 'short' ? 'cases.actions.too_short' : 'cases.actions.too_long', { n: fault.n })
  }
}

interface ControlProps {
  field: FormField
  value: unknown
  set: (value: unknown) => void
  control: { id: string; autoFocus?: boolean }
  invalid: boolean
  label: string
  known: UnitRef[]
}

function ControlFor({ field, value, set, control, invalid, label, known }: ControlProps) {
  const { t } = useText()
  const status = invalid ? ('error' as const) : ''
  const text = typeof value === 'string' ? value : ''
  switch (field.control) {
    case 'choice':
      return <Choice field={field} value={value} set={set} control={control} status={status} />
    case 'score':
      return <Score value={value} set={set} label={label} id={control.id} />
    case 'unit':
      return (
        <UnitPicker
          known={known}
          id={control.id}
          status={status}
          value={text}
          onChange={set}
          placeholder={t('cases.actions.pick')}
        />
      )
    case 'units':
      return (
        <UnitsPicker
          known={known}
          id={control.id}
          status={status}
          value={Array.isArray(value) ? (value as string[]) : []}
          onChange={set}
          placeholder={t('cases.actions.pick')}
        />
      )
    case 'class':
      return (
        <ClassPicker
          id={control.id}
          status={status}
          value={text}
          onChange={set}
          placeholder={t('cases.actions.pick')}
        />
      )
    case 'boolean':
      return (
        <Switch
          id={control.id}
          checked={value === true}
          onChange={set}
          style={{ width: 44 }}
          aria-label={label}
        />
      )
    case 'number':
      return (
        <InputNumber
          {...control}
          status={status}
          style={{ width: '100%' }}
          min={field.min}
          max={field.max}
          value={typeof value === 'number' ? value : null}
          onChange={set}
        />
      )
    case 'datetime':
    case 'date':
      return (
        <input
          {...control}
          className={css.native}
          type={field.control === 'date' ? 'date' : 'datetime-local'}
          value={text}
          onChange={(event) => set(event.target.value)}
        />
      )
    case 'place':
    case 'line':
      return (
        <Input
          {...control}
          status={status}
          maxLength={field.maxLength}
          value={text}
          onChange={(event) => set(event.target.value)}
        />
      )
    case 'text':
      return (
        <Input.TextArea
          {...control}
          status={status}
          maxLength={field.maxLength}
          showCount={text.length > field.maxLength * 0.6}
          autoSize={{ minRows: 3, maxRows: 10 }}
          value={text}
          onChange={(event) => set(event.target.value)}
        />
      )
  }
}

/** Which code set names the choices of a field. */
const CHOICE_SETS: Record<string, string> = {
  result_code: 'result',
  solved: 'solved',
  urgency: 'urgency',
  nature: 'nature',
  channel: 'channel',
  card: 'card',
}

function Choice({
  field,
  value,
  set,
  control,
  status,
}: {
  field: FormField
  value: unknown
  set: (value: unknown) => void
  control: { id: string }
  status: 'error' | ''
}) {
  const { t, code } = useText()
  const codes = CHOICE_SETS[field.name]
  const options = field.choices.map((choice) => ({
    value: choice.value,
    label: choice.label ?? (codes ? code(codes, choice.value) : String(choice.value)),
  }))
  return (
    <Select
      {...control}
      status={status}
      options={options}
      value={value as string | number | undefined}
      onChange={set}
      placeholder={t('cases.actions.pick')}
      allowClear={!field.required}
    />
  )
}

function Score({
  value,
  set,
  label,
  id,
}: {
  value: unknown
  set: (value: unknown) => void
  label: string
  id: string
}) {
  const { code } = useText()
  return (
    <div className={css.scores} role="radiogroup" aria-label={label} id={id}>
      {[1, 2, 3, 4, 5].map((score) => (
        <button
          key={score}
          type="button"
          role="radio"
          aria-checked={value === score}
          onClick={() => set(score)}
        >
          {code('score', score)}
        </button>
      ))}
    </div>
  )
}
