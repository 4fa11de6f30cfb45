/** Who asked, and where: the number stays inside the hub, handlers call through it. */
import { App, Button, Input, Modal } from 'antd'
import { type ReactNode, useState } from 'react'
import { api, take } from '../../api/client'
import { readRequester } from '../../api/read'
import type { Case } from '../../api/types'
import { useText } from '../../i18n'
import { Field } from '../Field'
import { phoneNumber } from '../format'
import { Panel } from '../Panel'
import { problemText } from '../problem'
import { Tag } from '../Tag'
import css from './case.module.css'

/** `children`: what else is known of the place. */
export function Requester({ one, children }: { one: Case; children?: ReactNode }) {
  const { t, raw } = useText()
  const { message } = App.useApp()
  const { place } = one
  // Unmasked for this look only: nothing is kept beyond the page.
  const [whole, setWhole] = useState<Case['requester'] | null>(null)
  const requester = whole ?? one.requester
  const dial = async () => {
    try {
      await take(api.POST('/calls', { body: { to: 'requester', case_id: one.id } }))
      message.info(t('cases.who.calling'))
    } catch (error) {
      message.error(problemText(error, raw).title)
    }
  }
  return (
    <Panel title={t('cases.who.title')}>
      <div className={css.who}>
        <b>{requester.name || t('app.common.anonymous')}</b>
        <span className="num">
          {requester.phone ? phoneNumber(requester.phone) : t('cases.who.no_phone')}
        </span>
        {requester.tags?.map((tag) => (
          <Tag key={tag}>{tag}</Tag>
        ))}
        {requester.query_code && (
          <span className="num">
            {t('cases.head.code')} {requester.query_code}
          </span>
        )}
        {requester.may_unmask && !requester.whole && <Unmask id={one.id} show={setWhole} />}
        {requester.phone && (
          <Button size="small" onClick={() => void dial()}>
            {t('cases.who.call')}（{t('cases.who.hidden')}）
          </Button>
        )}
      </div>
      <div className={css.place}>{place.text}</div>
      {place.grid && (
        <div className="small">
          {place.grid.name}
          {'　'}
          {place.grid.leader && t('cases.who.grid', { name: place.grid.leader })}
        </div>
      )}
      {children}
    </Panel>
  )
}

const PURPOSE_MAX_CHARS = 200

/** The whole number is shown against a purpose; each look is audited. */
function Unmask({ id, show }: { id: string; show: (requester: Case['requester']) => void }) {
  const { t, raw } = useText()
  const { message } = App.useApp()
  const [open, setOpen] = useState(false)
  const [purpose, setPurpose] = useState('')
  const read = async () => {
    try {
      const answer = await take(
        api.POST('/cases/{id}/requester', { params: { path: { id } }, body: { purpose: purpose.trim() } }),
      )
      show({ ...readRequester(answer), whole: true })
      setOpen(false)
    } catch (error) {
      const problem = problemText(error, raw)
      message.error(problem.detail ?? problem.title)
    }
  }
  return (
    <>
      <Button size="small" onClick={() => setOpen(true)}>
        {t('cases.who.unmask')}
      </Button>
      <Modal
        open={open}
        title={t('cases.who.unmask')}
        okText={t('cases.who.unmask')}
        okButtonProps={{ disabled: purpose.trim() === '' }}
        onOk={() => void read()}
        onCancel={() => setOpen(false)}
        destroyOnHidden
      >
        <Field label={t('cases.who.purpose')} required hint={t('cases.who.audited')}>
          {(control) => (
            <Input
              {...control}
              autoFocus
              maxLength={PURPOSE_MAX_CHARS}
              value={purpose}
              onChange={(event) => setPurpose(event.target.value)}
            />
          )}
        </Field>
      </Modal>
    </>
  )
}

/** The citizen's words, what he wants, and what he was told. */
export function Words({ one }: { one: Case }) {
  const { t, code } = useText()
  const rows: [string, string | null | undefined][] = [
    [t('cases.words.demand'), one.demand],
    [t('cases.words.result'), one.result_code && code('result', one.result_code)],
    [t('cases.words.answer'), one.answer_text],
    [
      t('cases.words.solved'),
      one.solved_by_citizen &&
        [code('solved', one.solved_by_citizen), code('score', one.satisfied_result)]
          .filter(Boolean)
          .join('　'),
    ],
  ]
  return (
    <div className={css.words}>
      <p>{one.narrative}</p>
      <dl className={css.facts2}>
        {rows
          .filter(([, value]) => value)
          .map(([name, value]) => (
            <div key={name} style={{ display: 'contents' }}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
    </div>
  )
}
