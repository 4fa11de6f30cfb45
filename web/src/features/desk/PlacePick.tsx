/** Where it happened, as a point: chosen on the map, with the grid it lies in and the unit that the duty list has for it. */
import { useQuery } from '@tanstack/react-query'
import { Button, Modal } from 'antd'
import { useState } from 'react'
import { areasQuery, gridsQuery, locateQuery, type Place } from '../../api/ops'
import { meQuery } from '../../api/queries'
import { useText } from '../../i18n'
import { LazyMap } from '../../map/LazyMap'
import { Icon } from '../../ui/icons'
import { Tag } from '../../ui/Tag'
import css from './desk.module.css'
import { placeOf, pointOf } from './point'

const NONE: never[] = []

export function PlacePick({ point, set }: { point: string; set: (point: string) => void }) {
  const { t } = useText()
  const [open, setOpen] = useState(false)
  const place = placeOf(point)
  const { data: here } = useQuery(locateQuery(place, ''))
  return (
    <>
      {place && (
        <span className={css.pointed}>
          <Tag tone="good">{here?.grid?.name ?? here?.unit?.name ?? t('desk.form.located')}</Tag>
        </span>
      )}
      <button type="button" className={css.pick} onClick={() => setOpen(true)}>
        <Icon name="dispatch" size={12} /> {place ? t('desk.form.repick') : t('desk.form.pick')}
      </button>
      {open && (
        <PickDialog
          start={place}
          close={() => setOpen(false)}
          chosen={(next) => {
            set(next ? pointOf(next) : '')
            setOpen(false)
          }}
        />
      )}
    </>
  )
}

interface DialogProps {
  start: Place | null
  close: () => void
  chosen: (place: Place | null) => void
}

function PickDialog({ start, close, chosen }: DialogProps) {
  const { t } = useText()
  const [pin, setPin] = useState<Place | null>(start)
  const { data: areas } = useQuery(areasQuery)
  const { data: me } = useQuery(meQuery)
  const unit = me?.posts[0]?.unit.id
  const { data: grids } = useQuery({ ...gridsQuery(unit ?? ''), enabled: unit !== undefined })
  const { data: here } = useQuery(locateQuery(pin, ''))
  return (
    <Modal
      open
      width={860}
      title={t('desk.form.pick_title')}
      onCancel={close}
      footer={
        <div className={css.pickFoot}>
          <span className="muted">
            {here?.grid?.name ?? here?.unit?.name ?? (pin ? '' : t('desk.form.pick_hint'))}
          </span>
          {start && <Button onClick={() => chosen(null)}>{t('desk.form.unpick')}</Button>}
          <Button type="primary" disabled={!pin} onClick={() => chosen(pin)}>
            {t('desk.form.take_point')}
          </Button>
        </div>
      }
    >
      <div className={css.pickMap}>
        <LazyMap
          areas={areas ?? NONE}
          grids={grids?.items ?? NONE}
          marks={NONE}
          chosen={null}
          choose={() => undefined}
          pin={pin}
          pick={setPin}
          look={start}
          highlight={here?.grid?.area}
          label={t('desk.form.pick_title')}
        />
      </div>
    </Modal>
  )
}
