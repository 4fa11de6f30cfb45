import { Button } from 'antd'
import type { Order, Responder } from '../../api/ops'
import { useText } from '../../i18n'
import lay from '../../ui/layout.module.css'
import { Panel } from '../../ui/Panel'
import { Empty, Gate } from '../../ui/States'
import { Tabs } from '../../ui/Tabs'
import { Tag } from '../../ui/Tag'
import { Moment } from '../../ui/time'
import { Climb } from './Climb'
import { ORDER_TONE } from './order'
import type { DispatchSearch } from './search'

interface ListProps {
  asked: {
    data: unknown
    error: unknown
    isPending: boolean
    refetch: () => unknown
    hasNextPage: boolean
    isFetchingNextPage: boolean
    fetchNextPage: () => unknown
  }
  rows: Order[]
  responders: Responder[]
  search: DispatchSearch
  choose: (order: Order) => void
  setAll: (all: boolean) => void
}

const TABS = ['open', 'all'] as const

export function OrderList({ asked, rows, responders, search, choose, setAll }: ListProps) {
  const { t } = useText()
  return (
    <Panel
      flush
      title={
        <Tabs
          label={t('dispatch.orders')}
          values={TABS}
          value={search.all ? 'all' : 'open'}
          name={(each) => t(`dispatch.tab.${each}`)}
          choose={(each) => setAll(each === 'all')}
        />
      }
      extra={t('dispatch.orders')}
    >
      <Gate asked={asked} rows={8}>
        {() =>
          rows.length === 0 ? (
            <Empty title={search.all ? t('dispatch.no_orders_all') : t('dispatch.no_orders')}>
              {t('dispatch.no_orders_hint')}
            </Empty>
          ) : (
            <div className={lay.list}>
              {rows.map((order) => (
                <Item
                  key={order.id}
                  order={order}
                  unit={responders.find((each) => each.id === order.responder_id)}
                  on={order.id === search.order}
                  choose={() => choose(order)}
                />
              ))}
              {asked.hasNextPage && (
                <Button
                  type="link"
                  block
                  loading={asked.isFetchingNextPage}
                  onClick={() => void asked.fetchNextPage()}
                >
                  {t('app.state.more')}
                </Button>
              )}
            </div>
          )
        }
      </Gate>
    </Panel>
  )
}

interface ItemProps {
  order: Order
  unit: Responder | undefined
  on: boolean
  choose: () => void
}

function Item({ order, unit, on, choose }: ItemProps) {
  return (
    <button type="button" className={lay.item} aria-current={on || undefined} onClick={choose}>
      <span className={lay.row}>
        <b>{order.responder}</b>
        <OrderStateTag order={order} />
      </span>
      <span className={lay.clamp}>{order.text}</span>
      <span className={`${lay.row} small`}>
        <Climb order={order} answerSeconds={unit?.answer_seconds} />
        <Moment at={order.given_at} />
      </span>
    </button>
  )
}

export function OrderStateTag({ order }: { order: Order }) {
  const { t } = useText()
  const tone = order.exhausted && order.state === 'given' ? 'solid' : ORDER_TONE[order.state]
  return <Tag tone={tone}>{t(`dispatch.order_state.${order.state}`)}</Tag>
}
