/** Wall 1, the hotline now: read from eight metres by someone under pressure. Seven blocks, no citizen's name or number. */
import { useQuery } from '@tanstack/react-query'
import { lazy, type ReactNode, Suspense, useEffect, useMemo, useState } from 'react'
import { queuesQuery } from '../../api/queries'
import type { AgentState, Queue } from '../../api/types'
import { type Text, useText } from '../../i18n'
import { LiveProvider, useLiveState } from '../../live'
import { clockTime, duration, percent, stopwatch } from '../../ui/format'
import { useNow } from '../../ui/time'
import { stageTransform } from './stage'
import { type Sums, sumQueues } from './sums'
import css from './wall.module.css'

const Chart = lazy(() => import('../../chart/Chart'))

/** The target of GB/T 33358: 85 % within 15 s is poor, 95 % is the aim of the city. */
const SL_GOOD = 0.95
const SL_POOR = 0.85
/** Longer than this in the queue is an alarm for the floor. */
const WAIT_ALARM_MS = 60_000
const WAIT_WARN_MS = 15_000

export function HotlineWall() {
  return (
    <LiveProvider>
      <Stage />
    </LiveProvider>
  )
}

function Stage() {
  const now = useNow()
  const [size, setSize] = useState({ width: innerWidth, height: innerHeight })
  const asked = useQuery({ ...queuesQuery, refetchInterval: 60_000 })
  useEffect(() => {
    const fit = () => setSize({ width: innerWidth, height: innerHeight })
    addEventListener('resize', fit)
    return () => removeEventListener('resize', fit)
  }, [])
  const queues = asked.data?.items ?? []
  const sums = useMemo(() => sumQueues(queues), [queues])
  return (
    <main className={css.room}>
      <div className={css.stage} style={{ transform: stageTransform(size.width, size.height, now) }}>
        <Head now={now} readAt={asked.dataUpdatedAt} />
        {asked.data && <Blocks sums={sums} queues={queues} now={now} />}
      </div>
    </main>
  )
}

function Head({ now, readAt }: { now: number; readAt: number }) {
  const { t } = useText()
  const { state } = useLiveState()
  const stale = state === 'lost'
  const time = readAt ? clockTime(readAt, true) : '--:--:--'
  return (
    <header className={css.head}>
      <h1>{t('wall.title')}</h1>
      <span className={css.asOf} data-stale={stale || undefined} role="status" aria-live="off">
        {t(stale ? 'wall.stale' : 'wall.as_of', { time })}
      </span>
      <span className={css.clock}>{clockTime(now, true)}</span>
    </header>
  )
}

function Blocks({ sums, queues, now }: { sums: Sums; queues: Queue[]; now: number }) {
  const { t, raw } = useText()
  const longest = sums.oldest ? now - Date.parse(sums.oldest) : 0
  const sl = sums.serviceLevel
  const slTone = sl === null ? undefined : sl >= SL_GOOD ? 'good' : sl >= SL_POOR ? 'warn' : 'danger'
  const waitTone = longest >= WAIT_ALARM_MS ? 'danger' : longest >= WAIT_WARN_MS ? 'warn' : undefined
  return (
    <>
      <Block className={css.s3} title={t('wall.waiting')}>
        <Figure tone={sums.waiting > sums.agents.ready ? 'warn' : undefined} unit={t('wall.people')}>
          {sums.waiting}
        </Figure>
        <Foot>
          {queues
            .filter((queue) => queue.waiting.length > 0)
            .map((queue) => `${queue.name} ${queue.waiting.length}`)
            .join('　') || t('wall.nobody')}
        </Foot>
      </Block>
      <Block className={css.s3} title={t('wall.longest')} alarm={longest >= WAIT_ALARM_MS}>
        <Figure tone={waitTone}>{stopwatch(longest)}</Figure>
        <Foot>
          {t('wall.average_wait')} {duration(sums.averageWaitMs, raw)}
        </Foot>
      </Block>
      <Block className={css.s3} title={t('wall.sl', { s: sums.withinS })}>
        <Figure tone={slTone}>{percent(sl)}</Figure>
        <Foot>
          {t('wall.target', { p: '95%' })}
          {'　'}
          {t('wall.connect')} {percent(sums.connectRate)}
        </Foot>
      </Block>
      <Block className={css.s3} title={t('wall.offered')}>
        <Figure unit={t('wall.calls')}>{sums.offered}</Figure>
        <Foot>
          {t('wall.answered')} {sums.answered}　{t('wall.abandoned')} {sums.abandoned}
        </Foot>
      </Block>
      <Block className={css.s3} title={t('wall.agents')} extra={t('wall.ready_of', { n: sums.online })}>
        <AgentStates sums={sums} />
      </Block>
      <Block className={css.s5} title={t('wall.trend')} extra={t('wall.per_quarter')}>
        <Trend sums={sums} />
      </Block>
      <Block className={css.s4} title={t('wall.topics')}>
        <Topics sums={sums} />
      </Block>
    </>
  )
}

function Block({
  title,
  extra,
  className,
  alarm,
  children,
}: {
  title: string
  extra?: string
  className?: string
  alarm?: boolean
  children: ReactNode
}) {
  const { state } = useLiveState()
  return (
    <section
      className={`${css.block} ${className ?? ''}`}
      data-alarm={alarm || undefined}
      data-stale={state === 'lost' || undefined}
    >
      <h2>
        {title}
        {extra && <span>{extra}</span>}
      </h2>
      {children}
    </section>
  )
}

function Figure({ tone, unit, children }: { tone?: string; unit?: string; children: ReactNode }) {
  return (
    <div className={css.figure} data-tone={tone}>
      {children}
      {unit && <small>{unit}</small>}
    </div>
  )
}

const Foot = ({ children }: { children: ReactNode }) => <div className={css.foot}>{children}</div>

const STATES: [AgentState, string, string][] = [
  ['talking', 'var(--w-primary)', 'solid'],
  ['ready', 'var(--w-good)', 'solid'],
  ['reserved', 'var(--w-primary)', 'ring'],
  ['after_call', 'var(--w-hold)', 'half'],
  ['not_ready', 'var(--w-ink2)', 'bar'],
]

function AgentStates({ sums }: { sums: Sums }) {
  const { code } = useText()
  return (
    <div className={css.states}>
      {STATES.map(([state, colour, shape]) => (
        <div className={css.state} key={state} style={{ color: colour }}>
          <span className={css.mark} data-shape={shape} />
          <span style={{ color: 'var(--w-ink)' }}>{code('agent_state', state)}</span>
          <b style={{ color: 'var(--w-ink)' }}>{sums.agents[state]}</b>
          <div className={css.bars}>
            <i style={{ width: `${sums.online ? (sums.agents[state] / sums.online) * 100 : 0}%` }} />
          </div>
        </div>
      ))}
    </div>
  )
}

function Topics({ sums }: { sums: Sums }) {
  const { t } = useText()
  if (sums.topics.length === 0) return <div className={css.none}>{t('wall.no_data')}</div>
  const most = sums.topics[0]?.count ?? 1
  return (
    <div className={css.topics}>
      {sums.topics.map((topic) => (
        <div className={css.topic} key={topic.name}>
          <span>{topic.name}</span>
          <b>{topic.count}</b>
          <div className={css.bars}>
            <i style={{ width: `${(topic.count / most) * 100}%` }} />
          </div>
        </div>
      ))}
    </div>
  )
}

function Trend({ sums }: { sums: Sums }) {
  const { t } = useText()
  const option = useMemo(() => trendOption(sums, t), [sums, t])
  if (sums.trend.length === 0) return <div className={css.none}>{t('wall.no_data')}</div>
  return (
    <Suspense fallback={null}>
      <div style={{ flex: 1, minHeight: 0 }}>
        <Chart option={option} height="100%" label={t('wall.trend')} />
      </div>
    </Suspense>
  )
}

/** Chart text at 24 px too: the wall has no smaller text. */
const CHART_TEXT = {
  color: '#9FADBC',
  fontSize: 24,
  fontFamily: "'PingFang SC','Source Han Sans SC','Noto Sans CJK SC','Microsoft YaHei',sans-serif",
}

function trendOption(sums: Sums, t: Text['t']) {
  return {
    aria: { enabled: true },
    grid: { left: 64, right: 16, top: 56, bottom: 44 },
    legend: { top: 4, right: 0, textStyle: CHART_TEXT, itemWidth: 28, itemHeight: 6, icon: 'rect' },
    xAxis: {
      type: 'category' as const,
      data: sums.trend.map((each) => clockTime(each.at)),
      axisLabel: { ...CHART_TEXT, interval: 11, margin: 14 },
      axisLine: { lineStyle: { color: '#2A3744' } },
      axisTick: { show: false },
    },
    yAxis: {
      type: 'value' as const,
      axisLabel: CHART_TEXT,
      splitNumber: 4,
      splitLine: { lineStyle: { color: '#2A3744' } },
    },
    series: [
      {
        type: 'line' as const,
        name: t('wall.calls_in'),
        data: sums.trend.map((each) => each.offered),
        showSymbol: false,
        lineStyle: { width: 4, color: '#6FA8E8' },
        itemStyle: { color: '#6FA8E8' },
      },
      {
        type: 'line' as const,
        name: t('wall.calls_answered'),
        data: sums.trend.map((each) => each.answered),
        showSymbol: false,
        lineStyle: { width: 3, color: '#5CC08E', type: 'dashed' as const },
        itemStyle: { color: '#5CC08E' },
      },
    ],
  }
}
