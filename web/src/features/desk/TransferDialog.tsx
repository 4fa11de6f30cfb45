import { useQuery } from '@tanstack/react-query'
import { Button, Input, Modal } from 'antd'
import { useState } from 'react'
import { queuesQuery } from '../../api/queries'
import type { CallAction, Seat } from '../../api/types'
import { useText } from '../../i18n'
import { Table } from '../../ui/Table'
import { AgentStateTag } from '../../ui/Tag'

interface TransferProps {
  open: boolean
  close: () => void
  act: (action: CallAction, body: Record<string, unknown>) => Promise<boolean>
}

/** To whom: an extension, a number, or a colleague with his state. */
export function TransferDialog({ open, close, act }: TransferProps) {
  const { t } = useText()
  const [to, setTo] = useState('')
  const [busy, setBusy] = useState(false)
  const target = to.replace(/[\s-]/g, '')
  const valid = /^\+?\d{3,15}$/.test(target)
  const go = async (how: 'transfer' | 'consult') => {
    if (!valid) return
    setBusy(true)
    const done = await act(how, { to: target })
    setBusy(false)
    if (done) close()
  }
  return (
    <Modal
      open={open}
      onCancel={close}
      width={520}
      destroyOnHidden
      title={t('desk.transfer.title')}
      afterOpenChange={(shown) => !shown && setTo('')}
      footer={
        <>
          <Button disabled={!valid || busy} onClick={() => void go('consult')}>
            {t('desk.transfer.consult')}
          </Button>
          <Button type="primary" disabled={!valid} loading={busy} onClick={() => void go('transfer')}>
            {t('desk.transfer.blind')}
          </Button>
        </>
      }
    >
      <Input
        autoFocus
        value={to}
        maxLength={24}
        aria-label={t('desk.transfer.to')}
        placeholder={t('desk.transfer.hint')}
        onChange={(event) => setTo(event.target.value)}
        onPressEnter={() => void go('transfer')}
      />
      <Colleagues filter={to} choose={setTo} chosen={target} />
    </Modal>
  )
}

function Colleagues({
  filter,
  choose,
  chosen,
}: {
  filter: string
  choose: (extension: string) => void
  chosen: string
}) {
  const { t } = useText()
  const { data } = useQuery(queuesQuery)
  const seats = new Map<string, Seat>()
  for (const queue of data?.items ?? []) for (const seat of queue.seats) seats.set(seat.agent_id, seat)
  const text = filter.trim()
  const fits = [...seats.values()]
    .filter(
      (seat) =>
        seat.state !== 'offline' && (!text || seat.name.includes(text) || seat.extension.startsWith(text)),
    )
    .sort((a, b) => Number(b.state === 'ready') - Number(a.state === 'ready'))
  return (
    <div
      style={{
        maxHeight: 260,
        display: 'flex',
        marginTop: 12,
        border: '1px solid var(--line)',
        borderRadius: 6,
      }}
    >
      <Table
        label={t('desk.transfer.colleagues')}
        rows={fits}
        rowKey={(seat) => seat.extension}
        selected={chosen}
        open={(seat) => choose(seat.extension)}
        columns={[
          { key: 'name', title: t('desk.transfer.colleagues'), cell: (seat) => <b>{seat.name}</b> },
          {
            key: 'ext',
            title: t('desk.transfer.extension'),
            cell: (seat) => (
              <Button type="link" size="small" className="num" onClick={() => choose(seat.extension)}>
                {seat.extension}
              </Button>
            ),
          },
          {
            key: 'state',
            title: t('desk.transfer.state'),
            align: 'right',
            cell: (seat) => <AgentStateTag state={seat.state} reason={seat.reason} />,
          },
        ]}
      />
    </div>
  )
}
