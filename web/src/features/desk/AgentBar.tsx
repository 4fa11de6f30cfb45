/** At the left of the top bar on every page of an agent: his state, how long, the phone, the running call; and a call that comes. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useLocation, useNavigate } from '@tanstack/react-router'
import { App, Button, Dropdown, type MenuProps } from 'antd'
import { useState } from 'react'
import { api, take } from '../../api/client'
import { deskQuery } from '../../api/queries'
import { readDesk } from '../../api/read'
import type { Desk } from '../../api/types'
import { useText } from '../../i18n'
import { usePhone } from '../../phone'
import { Icon } from '../../ui/icons'
import { useShortcut } from '../../ui/keys'
import { problemText } from '../../ui/problem'
import { AgentStateTag, Kbd } from '../../ui/Tag'
import { Elapsed } from '../../ui/time'
import { CallBar } from './CallBar'
import css from './desk.module.css'

export function AgentBar() {
  const { data: desk } = useQuery(deskQuery)
  const onDesk = useLocation({ select: (at) => at.pathname === '/desk' })
  const { phone } = usePhone()
  if (desk) phone.setAutoAnswer(desk.auto_answer)
  if (!desk) return null
  const live = desk.call && desk.call.state !== 'ended'
  return (
    <div className={css.bar}>
      <AgentStateTag state={desk.state} reason={desk.reason} large />
      <span className={css.stateTime}>
        <NextState desk={desk} />
      </span>
      <StateMenu desk={desk} />
      <PhoneMark />
      {live && !onDesk && desk.call?.state !== 'ringing' && (
        <CallChip since={desk.call?.answered_at ?? desk.since} />
      )}
      {live && !onDesk && desk.call?.state === 'ringing' && (
        <div className={css.toast}>
          <CallBar call={desk.call} compact />
        </div>
      )}
      <span className={css.sep} />
    </div>
  )
}

/** While talking: what comes after. Otherwise: how long in this state. */
function NextState({ desk }: { desk: Desk }) {
  const { t, code } = useText()
  if (desk.next_state) {
    const name = desk.next_state.reason ?? code('agent_state', desk.next_state.state)
    return <>{t('desk.bar.after', { state: name })}</>
  }
  return <Elapsed since={desk.since} />
}

function StateMenu({ desk }: { desk: Desk }) {
  const { t } = useText()
  const [open, setOpen] = useState(false)
  const set = useSetState()
  useShortcut('F2', t('app.keys.state'), () => setOpen((now) => !now))
  const items: MenuProps['items'] = [
    { key: 'ready', label: t('desk.bar.ready'), onClick: () => set('ready') },
    {
      type: 'group',
      label: t('desk.bar.not_ready'),
      children: desk.reasons.map((reason) => ({
        key: `not_ready/${reason.code}`,
        label: reason.name,
        onClick: () => set('not_ready', reason.code),
      })),
    },
    { type: 'divider' },
    { key: 'offline', label: t('desk.bar.offline'), onClick: () => set('offline') },
  ]
  return (
    <Dropdown menu={{ items, autoFocus: true }} open={open} onOpenChange={setOpen} trigger={['click']}>
      <Button size="small" aria-haspopup="menu" aria-expanded={open}>
        {t('desk.bar.change')} <span className="unseen">{t('desk.bar.set')}</span> <Kbd>F2</Kbd>
      </Button>
    </Dropdown>
  )
}

export function useSetState() {
  const client = useQueryClient()
  const { message } = App.useApp()
  const { raw } = useText()
  return async (state: 'ready' | 'not_ready' | 'offline', reason?: string) => {
    try {
      const desk = await take(api.PUT('/desk/state', { body: { state, reason } }))
      client.setQueryData(deskQuery.queryKey, readDesk(desk))
    } catch (error) {
      message.error(problemText(error, raw).title)
    }
  }
}

/** Silent while the phone is well; says what is wrong when it is not. */
function PhoneMark() {
  const { t } = useText()
  const { leg } = usePhone()
  if (leg.problem === 'microphone') return <span className={css.phoneMark}>{t('desk.bar.phone_mic')}</span>
  const words = {
    elsewhere: 'phone_elsewhere',
    failed: 'phone_failed',
    connecting: 'phone_connecting',
    opening: 'phone_connecting',
  } as const
  const word = leg.state in words ? words[leg.state as keyof typeof words] : null
  if (!word) return null
  return (
    <span className={css.phoneMark} role="status">
      <Icon name="calls" size={14} />
      {t(`desk.bar.${word}`)}
    </span>
  )
}

function CallChip({ since }: { since: string }) {
  const { t } = useText()
  const navigate = useNavigate()
  return (
    <button type="button" className={css.callChip} onClick={() => void navigate({ to: '/desk' })}>
      <Icon name="calls" size={14} />
      {t('desk.bar.to_call')}
      <Elapsed since={since} />
    </button>
  )
}
