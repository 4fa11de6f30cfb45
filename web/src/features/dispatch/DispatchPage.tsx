/** Dispatch: open orders, the map, responders; the chosen order or a new one beside it. List and map say the same. */
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { Button } from 'antd'
import { useMemo, useState } from 'react'
import {
  areasQuery,
  gridsQuery,
  type Order,
  ordersQuery,
  type Place,
  type Responder,
  respondersQuery,
} from '../../api/ops'
import { meQuery } from '../../api/queries'
import { useText } from '../../i18n'
import { LazyMap } from '../../map/LazyMap'
import type { Mark } from '../../map/marks'
import { Panel } from '../../ui/Panel'
import { Tag } from '../../ui/Tag'
import { TopBar } from '../../ui/TopBar'
import css from './dispatch.module.css'
import { GiveOrder } from './GiveOrder'
import { OrderCard } from './OrderCard'
import { OrderList } from './OrderList'
import { isOpen, ORDER_TONE, RESPONDER_TONE } from './order'
import { ResponderList } from './ResponderList'
import type { DispatchSearch } from './search'

const route = getRouteApi('/signed-in/shell/dispatch')

/** Orders and responders in the address are told apart on the map by these. */
const markOf = { order: 'order:', responder: 'responder:' }

export function DispatchPage() {
  const { t } = useText()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const set = (change: Partial<DispatchSearch>) =>
    void navigate({ search: (now: DispatchSearch) => ({ ...now, ...change }), replace: true })
  const [pin, setPin] = useState<Place | null>(null)
  const { data: me } = useQuery(meQuery)
  const may = (right: string) => !me?.actions || me.actions.includes(right)
  const responders = useQuery(respondersQuery(pin ?? undefined))
  const orders = useInfiniteQuery(ordersQuery({ open: search.all ? undefined : true }))
  const units = responders.data?.items ?? []
  const listed = useMemo(() => orders.data?.pages.flatMap((page) => page.items) ?? [], [orders.data])
  const chosen = listed.find((order) => order.id === search.order)
  const give = (responder?: string) => set({ give: true, order: undefined, responder })
  const close = () => {
    setPin(null)
    set({ give: undefined, order: undefined, responder: undefined, case: undefined })
  }
  const look = pin ?? chosen?.place ?? units.find((unit) => unit.id === search.responder)?.place ?? null
  return (
    <div className={css.page}>
      <TopBar>
        <h1 style={{ fontSize: 16 }}>{t('dispatch.title')}</h1>
        <Tag tone="good">
          {t('dispatch.all_free', { n: units.filter((each) => each.state === 'free').length })}
        </Tag>
      </TopBar>
      <OrderList
        asked={orders}
        rows={listed}
        responders={units}
        search={search}
        choose={(order) => set({ order: order.id, give: undefined, responder: undefined })}
        setAll={(all) => set({ all: all || undefined })}
      />
      <MapPanel
        orders={listed}
        responders={units}
        chosen={
          search.order
            ? markOf.order + search.order
            : search.responder
              ? markOf.responder + search.responder
              : null
        }
        choose={(id) =>
          id.startsWith(markOf.order)
            ? set({ order: id.slice(markOf.order.length), give: undefined, responder: undefined })
            : set({ responder: id.slice(markOf.responder.length), order: undefined })
        }
        pin={pin}
        pick={search.give ? setPin : undefined}
        look={look}
      />
      {search.give ? (
        <GiveOrder
          key={search.responder ?? 'near'}
          responders={units}
          responder={search.responder}
          caseId={search.case}
          pin={pin}
          setPin={setPin}
          close={close}
          given={(order) => {
            setPin(null)
            set({ give: undefined, case: undefined, responder: undefined, order: order.id })
          }}
        />
      ) : search.order ? (
        <OrderCard id={search.order} responders={units} close={close} />
      ) : (
        <ResponderList
          asked={responders}
          chosen={search.responder}
          choose={(unit) => set({ responder: unit.id })}
          give={may('dispatch.order') ? give : undefined}
        />
      )}
    </div>
  )
}

interface MapPanelProps {
  orders: Order[]
  responders: Responder[]
  chosen: string | null
  choose: (id: string) => void
  pin: Place | null
  pick?: (place: Place) => void
  look: Place | null
}

function MapPanel({ orders, responders, chosen, choose, pin, pick, look }: MapPanelProps) {
  const { t } = useText()
  const { data: areas } = useQuery(areasQuery)
  const { data: me } = useQuery(meQuery)
  const [withGrids, setGrids] = useState(true)
  const [whole, setWhole] = useState(0)
  const unit = me?.posts[0]?.unit.id
  const grids = useQuery({ ...gridsQuery(unit ?? ''), enabled: withGrids && Boolean(unit) })
  const marks = useMarks(orders, responders)
  // Where something is going on, as far as it is known when the map comes.
  const first = useMemo(() => busyPlaces(orders, responders), [orders, responders])
  return (
    <Panel
      flush
      title={t('dispatch.map.title')}
      beside={pick && <Tag tone="primary">{t('dispatch.map.pick')}</Tag>}
      extra={
        <>
          <Button size="small" onClick={() => setWhole(whole + 1)}>
            {t('dispatch.map.whole')}
          </Button>
          <Button
            size="small"
            aria-pressed={withGrids}
            loading={grids.isLoading}
            onClick={() => setGrids(!withGrids)}
          >
            {t('dispatch.map.grids')}
          </Button>
        </>
      }
    >
      <LazyMap
        areas={areas ?? NO_AREAS}
        grids={(withGrids && grids.data?.items) || NO_GRIDS}
        marks={marks}
        chosen={chosen}
        choose={choose}
        pin={pin}
        pick={pick}
        look={look}
        first={first}
        whole={whole}
      />
    </Panel>
  )
}

const NO_AREAS: never[] = []
const NO_GRIDS: never[] = []

/** The places of open orders and of who was sent. */
function busyPlaces(orders: Order[], responders: Responder[]): Place[] {
  const sent = new Set(orders.filter(isOpen).map((order) => order.responder_id))
  const places = [
    ...orders.filter(isOpen).map((order) => order.place),
    ...responders.filter((unit) => sent.has(unit.id)).map((unit) => unit.place),
  ]
  return places.filter((place) => place !== null)
}

function useMarks(orders: Order[], responders: Responder[]): Mark[] {
  const { t } = useText()
  return useMemo(() => {
    const units = responders.flatMap((unit): Mark[] =>
      unit.place
        ? [
            {
              id: markOf.responder + unit.id,
              place: unit.place,
              shape: 'circle',
              tone: RESPONDER_TONE[unit.state],
              label: unit.name,
              title: `${unit.name} ${t(`dispatch.state.${unit.state}`)}`,
            },
          ]
        : [],
    )
    const tasks = orders.filter(isOpen).flatMap((order): Mark[] =>
      order.place
        ? [
            {
              id: markOf.order + order.id,
              place: order.place,
              shape: 'diamond',
              tone: order.exhausted ? 'danger' : ORDER_TONE[order.state],
              label: t(`dispatch.order_state.${order.state}`),
              title: `${order.text} ${order.responder} ${t(`dispatch.order_state.${order.state}`)}`,
              ring: order.exhausted,
            },
          ]
        : [],
    )
    return [...units, ...tasks]
  }, [orders, responders, t])
}
