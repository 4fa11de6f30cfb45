/** The agent's desk in three columns: my work | the contact | the citizen. */
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { deskQuery, queuesQuery } from '../../api/queries'
import type { Desk, Queue } from '../../api/types'
import { useText } from '../../i18n'
import { percent } from '../../ui/format'
import { Gate } from '../../ui/States'
import { TopBar } from '../../ui/TopBar'
import { Elapsed } from '../../ui/time'
import { CallBar } from './CallBar'
import { CallerColumn } from './CallerColumn'
import css from './desk.module.css'
import { dropOldDrafts } from './draft-world'
import { Idle } from './Idle'
import { Intake } from './Intake'
import { MyWork } from './MyWork'
import { WrapUp } from './WrapUp'

export function DeskPage() {
  useEffect(dropOldDrafts, [])
  const asked = useQuery(deskQuery)
  return (
    <>
      <TopBar>
        <Figures />
      </TopBar>
      <Gate asked={asked}>{(desk) => <Columns desk={desk} />}</Gate>
    </>
  )
}

function Columns({ desk }: { desk: Desk }) {
  const { t } = useText()
  const [manual, setManual] = useState(false)
  const call = desk.call ?? null
  const wrapping = desk.state === 'after_call'
  const live = call !== null && call.state !== 'ended' && !wrapping
  const withForm = live || wrapping || manual
  return (
    <div className={css.cols}>
      <h1 className="unseen">{t('desk.title')}</h1>
      <MyWork desk={desk} />
      <div className={css.middle}>
        {live && call && <CallBar call={call} />}
        {wrapping && call && <WrapUp key={`wrap ${call.id}`} desk={desk} call={call} />}
        {withForm ? (
          <Intake
            key={`form ${call?.id ?? 'manual'}`}
            call={call}
            close={manual ? () => setManual(false) : undefined}
          />
        ) : (
          <Idle desk={desk} manual={() => setManual(true)} />
        )}
      </div>
      <CallerColumn call={call} />
    </div>
  )
}

/** The figures of the agent's first queue, each with its definition on hover. */
function Figures() {
  const { t } = useText()
  const { data } = useQuery(queuesQuery)
  const queue = data?.items[0]
  if (!queue) return null
  const agents = Object.values(queue.agents).reduce((sum, n) => sum + n, 0) - queue.agents.offline
  return (
    <>
      <Figure label={`${queue.name}${t('desk.fig.waiting')}`} bad={queue.waiting.length > queue.agents.ready}>
        {queue.waiting.length}
      </Figure>
      <Figure label={t('desk.fig.longest')}>{longest(queue)}</Figure>
      <Figure
        label={t('desk.fig.sl', { s: queue.service_level.within_s })}
        title={queue.service_level.definition}
      >
        {percent(queue.service_level.value)}
      </Figure>
      <Figure label={t('desk.fig.ready')}>
        {queue.agents.ready} / {agents}
      </Figure>
    </>
  )
}

function longest(queue: Queue) {
  const since = queue.waiting.map((each) => each.since).sort()[0]
  if (!since) return '00:00'
  return <Elapsed since={since} />
}

function Figure({
  label,
  title,
  bad,
  children,
}: {
  label: string
  title?: string
  bad?: boolean
  children: React.ReactNode
}) {
  return (
    <span className={css.fig} title={title} data-bad={bad || undefined}>
      <span className="muted">{label}</span>
      <b className="num">{children}</b>
    </span>
  )
}
