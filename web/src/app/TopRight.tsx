import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Dropdown, type MenuProps } from 'antd'
import { useEffect } from 'react'
import { actingPost, api } from '../api/client'
import { setLanguage, useText } from '../i18n'
import { useLiveState } from '../live'
import { Icon } from '../ui/icons'
import { Kbd, Tag } from '../ui/Tag'
import { ClockNow } from '../ui/time'
import ui from '../ui/ui.module.css'
import { openShortcuts } from './palette-state'
import css from './shell.module.css'
import { useWho } from './who'

export function TopRight() {
  return (
    <div className={css.topRight}>
      <LiveMark />
      <ClockNow />
      <span className={css.sep} />
      <Who />
    </div>
  )
}

function LiveMark() {
  const { t } = useText()
  const { state } = useLiveState()
  const leave = useLeave()
  useEffect(() => {
    if (state === 'signed_out') void leave()
  }, [state, leave])
  const live = state === 'live'
  return (
    <Tag tone={live ? 'good' : 'warn'}>
      <span className={ui.dot} data-shape={live ? 'solid' : 'hollow'} />
      {live ? t('app.live.live') : state === 'lost' ? t('app.live.lost_short') : t('app.live.connecting')}
    </Tag>
  )
}

/** Leaves the console for the sign-in page and forgets what was read. */
function useLeave() {
  const client = useQueryClient()
  const navigate = useNavigate()
  return async () => {
    actingPost.set(null)
    await navigate({ to: '/sign-in', search: { next: undefined } })
    client.clear()
  }
}

function Who() {
  const { t, lang } = useText()
  const { me, post } = useWho()
  const leave = useLeave()
  const signOut = async () => {
    await api.DELETE('/session').catch(() => undefined)
    await leave()
  }
  const act = (id: string) => {
    actingPost.set(id)
    // Everything on the screen was read under the other post.
    location.assign('/')
  }
  const items: MenuProps['items'] = [
    {
      type: 'group',
      label: t('app.me.post'),
      children: (me?.posts ?? []).map((each) => ({
        key: each.id,
        label: `${each.unit.name} · ${each.title}`,
        icon: <Icon name={each.id === post?.id ? 'check' : 'right'} />,
        onClick: () => act(each.id),
      })),
    },
    { type: 'divider' },
    { key: 'language', label: t('app.me.language'), onClick: () => setLanguage(lang === 'zh' ? 'en' : 'zh') },
    { key: 'keys', label: t('app.me.shortcuts'), extra: <Kbd>?</Kbd>, onClick: openShortcuts },
    { type: 'divider' },
    { key: 'out', label: t('app.me.sign_out'), onClick: () => void signOut() },
  ]
  return (
    <Dropdown menu={{ items }} trigger={['click']} placement="bottomRight">
      <button type="button" className={css.who}>
        <b>{me?.person.name}</b>
        <span className="muted num">{me?.person.extension ?? post?.title}</span>
        <span className="unseen">{t('app.me.account')}</span>
        <Icon name="down" size={12} />
      </button>
    </Dropdown>
  )
}
