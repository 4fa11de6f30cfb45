import { Button, Select } from 'antd'
import { useState } from 'react'
import { RESPONDER_STATES, type Responder, type ResponderState, tell } from '../../api/ops'
import { useText } from '../../i18n'
import { useAct } from '../../ui/act'
import { duration } from '../../ui/format'
import lay from '../../ui/layout.module.css'
import { Panel } from '../../ui/Panel'
import { Empty, Gate } from '../../ui/States'
import { Tag } from '../../ui/Tag'
import { Moment } from '../../ui/time'
import ui from '../../ui/ui.module.css'
import css from './dispatch.module.css'
import { RESPONDER_SHAPE, RESPONDER_TONE } from './order'

interface ListProps {
  asked: {
    data: { items: Responder[] } | undefined
    error: unknown
    isPending: boolean
    refetch: () => unknown
  }
  chosen?: string
  choose: (unit: Responder) => void
  /** None where one may not give orders. */
  give?: (responder?: string) => void
}

export function ResponderList({ asked, chosen, choose, give }: ListProps) {
  const { t } = useText()
  const [state, setState] = useState<ResponderState | undefined>()
  return (
    <Panel
      flush
      title={t('dispatch.responders')}
      extra={
        <>
          <Select
            allowClear
            size="small"
            style={{ width: 104 }}
            placeholder={t('dispatch.filter_state')}
            aria-label={t('dispatch.filter_state')}
            value={state}
            options={RESPONDER_STATES.map((value) => ({ value, label: t(`dispatch.state.${value}`) }))}
            onChange={setState}
          />
          {give && (
            <Button type="primary" size="small" onClick={() => give()}>
              {t('dispatch.give')}
            </Button>
          )}
        </>
      }
    >
      <Gate asked={asked} rows={8}>
        {(page) => {
          const rows = page.items.filter((unit) => !state || unit.state === state)
          if (rows.length === 0)
            return <Empty title={t('dispatch.no_responders')}>{t('dispatch.no_responders_hint')}</Empty>
          return (
            <ul className={lay.list}>
              {rows.map((unit) => (
                <Item
                  key={unit.id}
                  unit={unit}
                  on={unit.id === chosen}
                  choose={() => choose(unit)}
                  give={give && (() => give(unit.id))}
                />
              ))}
            </ul>
          )
        }}
      </Gate>
    </Panel>
  )
}

interface ItemProps {
  unit: Responder
  on: boolean
  choose: () => void
  give?: () => void
}

function Item({ unit, on, choose, give }: ItemProps) {
  const { t, raw } = useText()
  return (
    <li className={css.unit} data-on={on || undefined}>
      <button type="button" className={css.unitName} aria-current={on || undefined} onClick={choose}>
        <span className={lay.row}>
          <b>{unit.name}</b>
          <ResponderStateTag state={unit.state} />
        </span>
        <span className={`${lay.row} small`}>
          <span>
            {raw(`dispatch.skill.${unit.skill}`, { defaultValue: unit.skill })}　
            {t('dispatch.answer_within', { t: duration(unit.answer_seconds * 1000, raw) })}
          </span>
          <span className="num">
            {unit.distance_m !== null ? (
              <Distance metres={unit.distance_m} />
            ) : unit.placed_at ? (
              <Moment at={unit.placed_at} />
            ) : (
              t('dispatch.no_place')
            )}
          </span>
        </span>
      </button>
      {on && give && <UnitActs unit={unit} give={give} />}
    </li>
  )
}

function UnitActs({ unit, give }: { unit: Responder; give: () => void }) {
  const { t } = useText()
  const { act, busy } = useAct(['responders'])
  const put = (state: 'free' | 'off_duty') => {
    const done = t('dispatch.changed', { name: unit.name, state: t(`dispatch.state.${state}`) })
    void act(state, () => tell('PUT', `/responders/${unit.id}`, { state }), done)
  }
  return (
    <div className={`${lay.acts} ${css.unitActs}`}>
      <Button size="small" type="primary" onClick={give}>
        {t('dispatch.give')}
      </Button>
      {unit.state === 'off_duty' ? (
        <Button size="small" loading={busy !== null} onClick={() => put('free')}>
          {t('dispatch.set_free')}
        </Button>
      ) : (
        unit.state === 'free' && (
          <Button size="small" loading={busy !== null} onClick={() => put('off_duty')}>
            {t('dispatch.set_off')}
          </Button>
        )
      )}
    </div>
  )
}

export function ResponderStateTag({ state }: { state: ResponderState }) {
  const { t } = useText()
  return (
    <Tag tone={RESPONDER_TONE[state]}>
      <span className={ui.dot} data-shape={RESPONDER_SHAPE[state]} />
      {t(`dispatch.state.${state}`)}
    </Tag>
  )
}

export function Distance({ metres }: { metres: number }) {
  const { t } = useText()
  return (
    <span className="num">
      {metres < 1000
        ? t('dispatch.metres', { m: metres })
        : t('dispatch.distance', { km: (metres / 1000).toFixed(1) })}
    </span>
  )
}
