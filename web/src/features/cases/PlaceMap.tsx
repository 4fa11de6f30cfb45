/** Where a case is: its grid among its neighbours, and whoever was sent there. */
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { gridsQuery, locateQuery, ordersQuery, orgQuery, type Place, respondersQuery } from '../../api/ops'
import { meQuery } from '../../api/queries'
import type { Case } from '../../api/types'
import { useText } from '../../i18n'
import { LazyMap } from '../../map/LazyMap'
import type { Mark } from '../../map/marks'
import { rowsOf } from '../../ui/PagedTable'
import css from './cases.module.css'

export function PlaceMap({ one }: { one: Case }) {
  const { t } = useText()
  const { lon, lat } = one.place
  const pin = useMemo(() => (lon != null && lat != null ? { lon, lat } : null), [lon, lat])
  const grids = useNeighbours(pin)
  const own = grids.find((grid) => grid.id === one.place.grid_id)
  const marks = useSent(one.id)
  if (!pin) return <p className="small">{t('cases.who.no_point')}</p>
  return (
    <>
      <div className={css.map}>
        <LazyMap
          areas={NONE}
          grids={grids}
          marks={marks}
          chosen={null}
          choose={() => undefined}
          pin={pin}
          look={pin}
          highlight={own?.area}
          label={t('cases.who.map')}
        />
      </div>
      {own && <div className="small">{own.name}</div>}
    </>
  )
}

const NONE: never[] = []

/**
 * The grids of the township: the community's own would stand alone in an empty field. Whoever may not see the units there
 * gets none: he sees the point, and who was sent.
 */
function useNeighbours(pin: Place | null) {
  const { data: here } = useQuery(locateQuery(pin, ''))
  const unit = here?.unit?.id
  const { data: whole } = useQuery({ ...orgQuery(unit ?? ''), enabled: unit !== undefined })
  const township = whole?.above.findLast((each) => each.kind === 'township')?.id ?? whole?.id
  const { data } = useQuery({ ...gridsQuery(township ?? ''), enabled: township !== undefined })
  return data?.items ?? NONE
}

/** Who is on the way or there for this case. */
function useSent(caseId: string): Mark[] {
  const { t } = useText()
  const { data: me } = useQuery(meQuery)
  const enabled = !me?.actions || me.actions.includes('dispatch.read')
  const orders = rowsOf(useInfiniteQuery({ ...ordersQuery({ case_id: caseId, open: true }), enabled }))
  const { data } = useQuery({ ...respondersQuery(), enabled: enabled && orders.length > 0 })
  const sent = orders.map((order) => order.responder_id).join(' ')
  return useMemo(
    () =>
      (data?.items ?? []).flatMap((unit): Mark[] =>
        unit.place && sent.includes(unit.id)
          ? [
              {
                id: unit.id,
                place: unit.place,
                shape: 'circle',
                tone: unit.state === 'on_site' ? 'good' : 'primary',
                label: unit.name,
                title: `${unit.name} ${t(`dispatch.state.${unit.state}`)}`,
              },
            ]
          : [],
      ),
    [data, sent, t],
  )
}
