/** From the lobby into the room and out again. Gets its ticket from who shows it. */
import { Button } from 'antd'
import { type ReactNode, useEffect, useState, useSyncExternalStore } from 'react'
import type { Ticket } from '../api/ops'
import { useText } from '../i18n'
import { problemText } from '../ui/problem'
import { Lobby } from './Lobby'
import css from './meeting.module.css'
import { RoomView } from './RoomView'
import { MeetingRoom, type Wishes } from './room'

interface MeetingProps {
  title: string
  guest?: boolean
  ticket: (name: string) => Promise<Ticket>
  back?: () => void
  acts?: ReactNode
  beside?: ReactNode
}

export default function Meeting({ title, guest, ticket, back, acts, beside }: MeetingProps) {
  const { t, raw } = useText()
  const [room] = useState(() => new MeetingRoom())
  const now = useSyncExternalStore(room.subscribe, room.getSnapshot)
  const [since, setSince] = useState(0)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  useEffect(() => {
    const leave = () => void room.leave()
    addEventListener('pagehide', leave)
    return () => {
      removeEventListener('pagehide', leave)
      leave()
    }
  }, [room])
  const join = async (wishes: Wishes, name: string) => {
    setBusy(true)
    setError(null)
    try {
      const { url, token } = await ticket(name)
      await room.join(url, token, wishes).catch(() => {
        throw new Error('unreachable')
      })
      setSince(Date.now())
    } catch (failure) {
      const problem = problemText(failure, raw)
      const lost = failure instanceof Error && failure.message === 'unreachable'
      setError(lost ? t('meetings.not_reached') : (problem.detail ?? problem.title))
    } finally {
      setBusy(false)
    }
  }
  if (now.state === 'joined' || now.state === 'reconnecting')
    return (
      <RoomView room={room} now={now} title={title || now.title} since={since} acts={acts} beside={beside} />
    )
  return (
    <main className={css.outside}>
      {now.state === 'left' && now.because && (
        <div className={css.left} role="status">
          <b>{t(`meetings.left.${now.because}`)}</b>
          {now.because !== 'ended' && <span>{t('meetings.again')}</span>}
          {back && <Button onClick={back}>{t('meetings.back')}</Button>}
        </div>
      )}
      <Lobby
        title={title}
        guest={guest}
        busy={busy || now.state === 'joining'}
        error={error}
        join={(wishes, name) => void join(wishes, name)}
        back={now.state === 'left' ? undefined : back}
      />
    </main>
  )
}
