/** Effects that failed for good: retried, or given up with a reason. */
import { useQuery } from '@tanstack/react-query'
import { Button, Input, Modal } from 'antd'
import { useState } from 'react'
import { type DeadLetter, deadLettersQuery, tell } from '../../api/ops'
import { useText } from '../../i18n'
import { useAct } from '../../ui/act'
import { Field } from '../../ui/Field'
import { shortTime } from '../../ui/format'
import lay from '../../ui/layout.module.css'
import { Panel } from '../../ui/Panel'
import { Gate, StateBlock } from '../../ui/States'
import { type Column, Table } from '../../ui/Table'
import { Tag } from '../../ui/Tag'
import { TopBar } from '../../ui/TopBar'
import { Moment } from '../../ui/time'
import css from './deadletters.module.css'

export function DeadLettersPage() {
  const { t } = useText()
  const asked = useQuery(deadLettersQuery)
  return (
    <>
      <TopBar>
        <h1 style={{ fontSize: 16 }}>{t('admin.dead.title')}</h1>
      </TopBar>
      <Panel
        className={css.page}
        flush
        title={t('admin.dead.title')}
        extra={<span>{t('admin.dead.hint')}</span>}
      >
        <Gate asked={asked}>
          {(page) =>
            page.items.length === 0 ? (
              <StateBlock icon="check" title={t('admin.dead.empty')}>
                <span>{t('admin.dead.empty_hint')}</span>
              </StateBlock>
            ) : (
              <List rows={page.items} />
            )
          }
        </Gate>
      </Panel>
    </>
  )
}

function List({ rows }: { rows: DeadLetter[] }) {
  const { t, raw } = useText()
  const [giving, setGiving] = useState<DeadLetter | null>(null)
  const { act, busy } = useAct(['dead_letters'])
  const retry = (one: DeadLetter) =>
    void act(
      one.id,
      () => tell('POST', `/dead_letters/${encodeURIComponent(one.id)}/retry`),
      t('admin.dead.retried'),
    )
  const columns: Column<DeadLetter>[] = [
    {
      key: 'at',
      title: t('admin.dead.col.time'),
      width: 110,
      cell: (one) => <Moment at={one.created_at} />,
    },
    {
      key: 'courier',
      title: t('admin.dead.col.courier'),
      width: 90,
      cell: (one) => <Tag>{raw(`admin.dead.courier.${one.courier}`, { defaultValue: one.courier })}</Tag>,
    },
    {
      key: 'attempts',
      title: t('admin.dead.col.attempts'),
      width: 80,
      align: 'right',
      cell: (one) => <span className="num">{t('admin.dead.times', { n: one.attempts })}</span>,
    },
    {
      key: 'error',
      title: t('admin.dead.col.error'),
      cell: (one) => one.last_error ?? <span className="muted">{t('admin.dead.no_error')}</span>,
    },
    {
      key: 'acts',
      title: <span className="unseen">{t('admin.dead.retry')}</span>,
      width: 150,
      align: 'right',
      cell: (one) => (
        <span className={lay.tags}>
          <Button size="small" type="primary" loading={busy === one.id} onClick={() => retry(one)}>
            {t('admin.dead.retry')}
          </Button>
          <Button size="small" danger onClick={() => setGiving(one)}>
            {t('admin.dead.discard')}
          </Button>
        </span>
      ),
    },
  ]
  return (
    <>
      <Table label={t('admin.dead.title')} columns={columns} rows={rows} rowKey={(one) => one.id} />
      {giving && <Discard one={giving} close={() => setGiving(null)} />}
    </>
  )
}

function Discard({ one, close }: { one: DeadLetter; close: () => void }) {
  const { t, raw } = useText()
  const [reason, setReason] = useState('')
  const [tried, setTried] = useState(false)
  const { act, busy } = useAct(['dead_letters'])
  const discard = async () => {
    setTried(true)
    if (!reason.trim()) return
    const path = `/dead_letters/${encodeURIComponent(one.id)}/discard`
    if (await act('discard', () => tell('POST', path, { reason: reason.trim() }), t('admin.dead.discarded')))
      close()
  }
  const courier = raw(`admin.dead.courier.${one.courier}`, { defaultValue: one.courier })
  const of = { courier, time: shortTime(one.created_at, Date.now()), n: one.attempts }
  return (
    <Modal
      open
      title={t('admin.dead.discard_title')}
      onCancel={close}
      onOk={() => void discard()}
      okText={t('admin.dead.discard')}
      cancelText={t('app.common.cancel')}
      okButtonProps={{ danger: true, loading: busy !== null }}
    >
      <p>{t('admin.dead.discard_of', of)}</p>
      {one.last_error && <p className="small">{one.last_error}</p>}
      <div style={{ marginTop: 12 }}>
        <Field
          label={t('admin.dead.reason')}
          required
          hint={t('admin.dead.reason_hint')}
          error={tried && !reason.trim() ? t('admin.dead.no_reason') : undefined}
        >
          {(control) => (
            <Input.TextArea
              {...control}
              autoFocus
              rows={3}
              maxLength={200}
              value={reason}
              onChange={(event) => setReason(event.target.value)}
            />
          )}
        </Field>
      </div>
    </Modal>
  )
}
