/** What may be set going from a case: an order to a crew, a meeting of its units, a message. One press each. */
import { useInfiniteQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Button, Dropdown, Space } from 'antd'
import { createMeeting, type Meeting, meetingsQuery } from '../../api/ops'
import type { Case } from '../../api/types'
import { useText } from '../../i18n'
import { useAct } from '../../ui/act'
import { Icon } from '../../ui/icons'
import { useShortcut } from '../../ui/keys'
import { rowsOf } from '../../ui/PagedTable'
import { Kbd } from '../../ui/Tag'
import css from './cases.module.css'

export function FollowUps({ one, may }: { one: Case; may: (right: string) => boolean }) {
  const { t } = useText()
  return (
    <div className={css.follow} role="group" aria-label={t('cases.follow.title')}>
      {may('dispatch.order') && !one.closed_at && <Order one={one} />}
      {may('meeting.hold') && !one.closed_at && <Meet one={one} />}
      {may('message.send') && <Write one={one} />}
    </div>
  )
}

function Order({ one }: { one: Case }) {
  const { t } = useText()
  const navigate = useNavigate()
  const go = () => void navigate({ to: '/dispatch', search: { case: one.id, give: true } })
  useShortcut('d', t('cases.follow.order'), go)
  return (
    <Button size="small" icon={<Icon name="dispatch" size={14} />} onClick={go}>
      {t('cases.follow.order')} <Kbd>D</Kbd>
    </Button>
  )
}

/** The hub takes no longer title. */
const TITLE_MAX_CHARS = 60

/** Opens the room and invites the case's units by SMS; where a room is open already, goes in. */
function Meet({ one }: { one: Case }) {
  const { t } = useText()
  const navigate = useNavigate()
  const { act, busy } = useAct(['meetings'], ['cases'])
  const open = rowsOf(useInfiniteQuery(meetingsQuery({ case_id: one.id, open: true })))[0]
  const enter = (meeting: Meeting) => void navigate({ to: '/meeting/$id', params: { id: meeting.id } })
  const units = [one.lead_unit, ...one.co_units].flatMap((unit) => (unit?.id ? [unit] : []))
  const call = async () => {
    const title = t('meetings.about', { title: one.title }).slice(0, TITLE_MAX_CHARS)
    let made: Meeting | undefined
    await act('meet', async () => {
      made = await createMeeting({ title, case_id: one.id, invite: units.map((unit) => unit.id) })
    })
    if (made) enter(made)
  }
  const go = () => (open ? enter(open) : void call())
  useShortcut('m', t('cases.follow.meet'), go)
  const hint = units.length
    ? t('cases.follow.meet_hint', { names: units.map((unit) => unit.name).join('、') })
    : t('cases.follow.meet_alone')
  const choose = () => void navigate({ to: '/meetings', search: { case: one.id, create: true } })
  return (
    <Space.Compact size="small">
      <Button
        size="small"
        icon={<Icon name="meetings" size={14} />}
        loading={busy !== null}
        title={open ? open.title : hint}
        onClick={go}
      >
        {open ? t('cases.follow.enter') : t('cases.follow.meet')} <Kbd>M</Kbd>
      </Button>
      <Dropdown
        trigger={['click']}
        menu={{ items: [{ key: 'choose', label: t('cases.follow.choose'), onClick: choose }] }}
      >
        <Button size="small" aria-label={t('cases.follow.more')} icon={<Icon name="down" size={12} />} />
      </Dropdown>
    </Space.Compact>
  )
}

function Write({ one }: { one: Case }) {
  const { t } = useText()
  const navigate = useNavigate()
  const go = () => void navigate({ to: '/sms', search: { case: one.id, write: true } })
  useShortcut('s', t('cases.follow.write'), go)
  return (
    <Button size="small" icon={<Icon name="sms" size={14} />} onClick={go}>
      {t('cases.follow.write')} <Kbd>S</Kbd>
    </Button>
  )
}
