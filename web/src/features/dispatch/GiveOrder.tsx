/** A new order: what, to whom (named, or the nearest to a place on the map), from a case or without one. */
import { useQuery } from '@tanstack/react-query'
import { Button, Input, Segmented, Select } from 'antd'
import { type FormEvent, useEffect, useState } from 'react'
import { type NewOrder, type Order, type Place, type Responder, tell } from '../../api/ops'
import { caseQuery } from '../../api/queries'
import { useText } from '../../i18n'
import { useAct } from '../../ui/act'
import { Field } from '../../ui/Field'
import { publicNo } from '../../ui/format'
import { useShortcut } from '../../ui/keys'
import lay from '../../ui/layout.module.css'
import { Panel } from '../../ui/Panel'
import { Kbd, Tag } from '../../ui/Tag'
import css from './dispatch.module.css'

/** The hub takes no longer text: one SMS of two segments. */
const TEXT_MAX_CHARS = 200

interface GiveProps {
  responders: Responder[]
  responder?: string
  caseId?: string
  pin: Place | null
  setPin: (place: Place | null) => void
  close: () => void
  given: (order: Order) => void
}

export function GiveOrder({ responders, responder, caseId, pin, setPin, close, given }: GiveProps) {
  const { t } = useText()
  const one = useQuery({ ...caseQuery(caseId ?? ''), enabled: Boolean(caseId) }).data
  const [by, setBy] = useState<'near' | 'named'>(responder ? 'named' : 'near')
  const [units, setUnits] = useState<string[]>(responder ? [responder] : [])
  const [skill, setSkill] = useState<string | undefined>()
  const [text, setText] = useState('')
  const [tried, setTried] = useState(false)
  const { act, busy, error } = useAct(['orders'], ['responders'], ['cases'])
  // The case fills in what is known once, and never over what was typed.
  useEffect(() => {
    if (!one) return
    setText(
      (now) =>
        now || t('dispatch.case_text', { place: one.place.text, title: one.title }).slice(0, TEXT_MAX_CHARS),
    )
    const { lon, lat } = one.place
    if (lon != null && lat != null) setPin({ lon, lat })
  }, [one, setPin, t])
  const faults = {
    text: !text.trim()
      ? t('dispatch.no_text')
      : text.length > TEXT_MAX_CHARS
        ? t('dispatch.too_long')
        : undefined,
    units: by === 'named' && units.length === 0 ? t('dispatch.no_units') : undefined,
    place: by === 'near' && !pin ? t('dispatch.no_place_chosen') : undefined,
  }
  const send = async () => {
    setTried(true)
    if (faults.text || faults.units || faults.place) return
    const target = by === 'named' ? { units } : { near: { ...(pin as Place), ...(skill ? { skill } : {}) } }
    const order: NewOrder = { text: text.trim(), ...(caseId ? { case_id: caseId } : {}), ...target }
    let made: Order[] = []
    const done = await act('give', async () => {
      made = (await tell<{ items: Order[] }>('POST', '/orders', order)).items
    })
    if (done && made[0]) given(made[0])
  }
  useShortcut('Ctrl+Enter', t('app.keys.submit'), () => void send())
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void send()
  }
  return (
    <Panel title={t('dispatch.give')}>
      <form className={lay.form} onSubmit={submit} noValidate>
        {one && (
          <div className={lay.about}>
            <Tag tone="primary">{t('dispatch.case')}</Tag> <b>{one.title}</b>
            <div className="small">
              <span className="num">{publicNo(one.public_no)}</span>　{one.place.text}
            </div>
          </div>
        )}
        <Field label={t('dispatch.target')} required>
          {({ id }) => (
            <Segmented
              id={id}
              block
              value={by}
              options={[
                { value: 'near', label: t('dispatch.nearest') },
                { value: 'named', label: t('dispatch.named') },
              ]}
              onChange={setBy}
            />
          )}
        </Field>
        {by === 'named' ? (
          <Named
            units={units}
            setUnits={setUnits}
            responders={responders}
            error={tried ? faults.units : undefined}
          />
        ) : (
          <Near
            pin={pin}
            skill={skill}
            setSkill={setSkill}
            responders={responders}
            error={tried ? faults.place : undefined}
          />
        )}
        <Field
          label={t('dispatch.text')}
          required
          hint={t('dispatch.text_hint')}
          error={(tried && faults.text) || error?.fields.text}
        >
          {(control) => (
            <Input.TextArea
              {...control}
              autoFocus
              rows={5}
              value={text}
              showCount={{ formatter: ({ count }) => `${count} / ${TEXT_MAX_CHARS}` }}
              onChange={(event) => setText(event.target.value)}
            />
          )}
        </Field>
        <div className={lay.acts}>
          <Button type="primary" htmlType="submit" loading={busy !== null}>
            {t('dispatch.give')} <Kbd onColor>Ctrl ↵</Kbd>
          </Button>
          <Button onClick={close}>{t('app.common.cancel')}</Button>
        </div>
      </form>
    </Panel>
  )
}

interface NamedProps {
  units: string[]
  setUnits: (ids: string[]) => void
  responders: Responder[]
  error?: string
}

function Named({ units, setUnits, responders, error }: NamedProps) {
  const { t } = useText()
  const options = responders.map((unit) => ({
    value: unit.id,
    label: `${unit.name}　${t(`dispatch.state.${unit.state}`)}`,
    disabled: unit.state === 'off_duty',
  }))
  return (
    <Field label={t('dispatch.named')} required error={error}>
      {(control) => (
        <Select
          {...control}
          mode="multiple"
          style={{ width: '100%' }}
          showSearch={{ optionFilterProp: 'label' }}
          options={options}
          value={units}
          onChange={setUnits}
        />
      )}
    </Field>
  )
}

interface NearProps {
  pin: Place | null
  skill?: string
  setSkill: (skill: string | undefined) => void
  responders: Responder[]
  error?: string
}

function Near({ pin, skill, setSkill, responders, error }: NearProps) {
  const { t, raw } = useText()
  const skills = [...new Set(responders.map((unit) => unit.skill))].sort()
  const nearest = responders.find((unit) => unit.state === 'free' && (!skill || unit.skill === skill))
  return (
    <div className={css.two}>
      <Field
        label={t('dispatch.place')}
        required
        error={error}
        hint={pin ? undefined : t('dispatch.map.pick')}
      >
        {(control) => (
          <Input
            {...control}
            readOnly
            value={pin ? t('dispatch.place_at', { lon: pin.lon.toFixed(4), lat: pin.lat.toFixed(4) }) : ''}
          />
        )}
      </Field>
      <Field label={t('dispatch.skill_need')} hint={pin && nearest ? nearest.name : undefined}>
        {(control) => (
          <Select
            {...control}
            allowClear
            placeholder={t('dispatch.any_skill')}
            value={skill}
            options={skills.map((value) => ({
              value,
              label: raw(`dispatch.skill.${value}`, { defaultValue: value }),
            }))}
            onChange={setSkill}
          />
        )}
      </Field>
    </div>
  )
}
