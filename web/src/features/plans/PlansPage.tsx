/** The plans that calls run: their steps and where each leads; a text to try out, with what the checker says; a trial call. */
import { useQuery } from '@tanstack/react-query'
import { useMemo, useRef, useState } from 'react'
import { type Diagnostic, type PlanFile, type Plans, plansQuery } from '../../api/ops'
import { useText } from '../../i18n'
import { Panel } from '../../ui/Panel'
import { Gate } from '../../ui/States'
import { Tabs } from '../../ui/Tabs'
import { Tag } from '../../ui/Tag'
import { TopBar } from '../../ui/TopBar'
import { Editor } from './Editor'
import css from './plans.module.css'
import { Simulate } from './Simulate'
import { type Step, stepsOf, waysOf } from './yaml'

export function PlansPage() {
  const { t } = useText()
  const asked = useQuery(plansQuery)
  return (
    <>
      <TopBar>
        <h1 style={{ fontSize: 16 }}>{t('admin.plans.title')}</h1>
        {asked.data?.items.map((plan) => (
          <Tag key={plan.id} tone="primary">
            {plan.title} <span className="num">{plan.numbers.join(' ')}</span>
          </Tag>
        ))}
        {asked.data && (
          <span className="small">{t('admin.plans.version', { v: asked.data.version.slice(0, 12) })}</span>
        )}
      </TopBar>
      <Gate asked={asked} rows={12}>
        {(plans) => <Workbench key={plans.version} plans={plans} />}
      </Gate>
    </>
  )
}

const VIEWS = ['editor', 'simulate'] as const

function Workbench({ plans }: { plans: Plans }) {
  const { t } = useText()
  const [files, setFiles] = useState<PlanFile[]>(plans.files)
  // The plans themselves before the tables they use.
  const [at, setAt] = useState(() =>
    Math.max(
      0,
      plans.files.findIndex((each) => stepsOf(each).length > 0),
    ),
  )
  const [view, setView] = useState<(typeof VIEWS)[number]>('editor')
  const area = useRef<HTMLTextAreaElement>(null)
  const steps = useMemo(() => files.flatMap(stepsOf), [files])
  const starts = useMemo(() => new Set(files.flatMap(startsOf)), [files])
  const titles = new Map(plans.items.map((plan) => [plan.id, plan.title]))
  const go = (place: Pick<Diagnostic, 'file' | 'line' | 'column'>) => {
    setView('editor')
    const file = files.findIndex((each) => each.name === place.file)
    if (file >= 0) setAt(file)
    requestAnimationFrame(() => select(area.current, place.line, place.column))
  }
  return (
    <div className={css.page}>
      <Panel title={t('admin.plans.drawing')} extra={t('admin.plans.steps', { n: steps.length })}>
        <ol className={css.steps}>
          {steps.map((step) => (
            <StepCard
              key={`${step.plan}/${step.name}`}
              step={step}
              all={steps}
              title={titles.get(step.plan) ?? step.plan}
              start={starts.has(`${step.plan}/${step.name}`)}
              go={() => go({ file: step.file, line: step.line, column: 1 })}
            />
          ))}
        </ol>
      </Panel>
      <Panel
        flush
        title={
          <Tabs
            label={t('admin.plans.title')}
            values={VIEWS}
            value={view}
            name={(each) => t(`admin.plans.${each}`)}
            choose={setView}
          />
        }
        extra={t('admin.plans.nothing_saved')}
      >
        {view === 'editor' ? (
          <Editor
            shipped={plans.files}
            files={files}
            at={at}
            setAt={setAt}
            setText={(text) => setFiles(files.map((each, i) => (i === at ? { ...each, text } : each)))}
            area={area}
            go={go}
          />
        ) : (
          <Simulate files={files} go={go} />
        )}
      </Panel>
    </div>
  )
}

/** `plan/step` of each plan's first step. */
function startsOf(file: PlanFile): string[] {
  let plan = ''
  return file.text.split('\n').flatMap((line) => {
    plan = /^ {2}([\w-]+):/.exec(line)?.[1] ?? plan
    const step = /^ {4}start:\s*([\w-]+)/.exec(line)?.[1]
    return step ? [`${plan}/${step}`] : []
  })
}

/** Puts the cursor where a finding is, and the line into view. */
function select(area: HTMLTextAreaElement | null, line: number, column: number): void {
  if (!area) return
  const lines = area.value.split('\n')
  const from = lines.slice(0, Math.max(0, line - 1)).reduce((sum, each) => sum + each.length + 1, 0)
  const end = from + (lines[line - 1]?.length ?? 0)
  area.focus()
  area.setSelectionRange(Math.min(from + Math.max(0, column - 1), end), end)
  const height = area.scrollHeight / Math.max(1, lines.length)
  area.scrollTop = Math.max(0, (line - 6) * height)
}

interface CardProps {
  step: Step
  all: Step[]
  /** Of its plan. */
  title: string
  start: boolean
  go: () => void
}

function StepCard({ step, all, title, start, go }: CardProps) {
  const { t, raw } = useText()
  const ways = waysOf(step, all)
  return (
    <li className={css.step} id={`step-${step.plan}-${step.name}`} data-start={start || undefined}>
      <div className={css.stepHead}>
        <button type="button" className={css.stepName} onClick={go}>
          {step.name}
        </button>
        <Tag tone={start ? 'primary' : 'neutral'}>
          {start
            ? t('admin.plans.step_from')
            : raw(`admin.plans.kind.${step.kind}`, { defaultValue: step.kind })}
        </Tag>
        <span className="small num">
          {step.file}:{step.line}
        </span>
      </div>
      {start && <p className="small">{title}</p>}
      {step.note && (
        <p className="small" lang="en">
          {step.note}
        </p>
      )}
      {ways.length > 0 && (
        <ul className={css.ways}>
          {ways.map((way) => (
            <li key={way.by + way.to}>
              <span className="muted">
                {raw(`admin.plans.by.${way.by === 'then' ? 'next' : way.by}`, { defaultValue: way.by })}
              </span>{' '}
              → <a href={`#step-${step.plan}-${way.to}`}>{way.to}</a>
            </li>
          ))}
        </ul>
      )}
    </li>
  )
}
