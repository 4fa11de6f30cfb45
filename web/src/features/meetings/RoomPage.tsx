/** The room of a signed-in person: full screen, dark, without the rail. */
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { App } from 'antd'
import { lazy, Suspense } from 'react'
import { endMeeting, meetingQuery, meetingTicket } from '../../api/ops'
import { useText } from '../../i18n'
import meeting from '../../meeting/meeting.module.css'
import { useAct } from '../../ui/act'
import { Failed, Loading } from '../../ui/States'

const Meeting = lazy(() => import('../../meeting/Meeting'))
const route = getRouteApi('/signed-in/meeting/$id')

export function RoomPage() {
  const { t } = useText()
  const { id } = route.useParams()
  const navigate = route.useNavigate()
  const { modal } = App.useApp()
  const { act } = useAct(['meetings'])
  const asked = useQuery(meetingQuery(id))
  if (asked.isPending) return <Loading rows={4} />
  if (asked.error) return <Failed error={asked.error} retry={() => void asked.refetch()} />
  const title = asked.data.title
  const end = () =>
    modal.confirm({
      title: t('meetings.end'),
      content: t('meetings.end_sure', { title }),
      okText: t('meetings.end'),
      cancelText: t('app.common.cancel'),
      okButtonProps: { danger: true },
      onOk: () => act('end', () => endMeeting(id), t('meetings.ended')),
    })
  return (
    <Suspense fallback={<Loading rows={4} />}>
      <Meeting
        title={title}
        ticket={() => meetingTicket(id)}
        back={() => void navigate({ to: '/meetings', search: { open: id } })}
        acts={
          <button type="button" className={meeting.endButton} onClick={end}>
            {t('meetings.end')}
          </button>
        }
      />
    </Suspense>
  )
}
