/** Who asked, and where: the number stays inside the hub, handlers call through it. */
import { App, Button } from 'antd'
import { api, take } from '../../api/client'
import type { Case } from '../../api/types'
import { useText } from '../../i18n'
import { phoneNumber } from '../format'
import { Panel } from '../Panel'
import { problemText } from '../problem'
import { Tag } from '../Tag'
import css from './case.module.css'

export function Requester({ one }: { one: Case }) {
  const { t, raw } = useText()
  const { message } = App.useApp()
  const { requester, place } = one
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
    </Panel>
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
