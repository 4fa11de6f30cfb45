import { Button, Input, InputNumber } from 'antd'
import { useState } from 'react'
import { type PlanFile, type Simulated, simulatePlans } from '../../api/ops'
import { useText } from '../../i18n'
import { useAct } from '../../ui/act'
import { Field } from '../../ui/Field'
import { stopwatch } from '../../ui/format'
import { useShortcut } from '../../ui/keys'
import { Kbd, Tag } from '../../ui/Tag'
import { Findings, type Go } from './Findings'
import css from './plans.module.css'
import { type OneCall, scenarioOf } from './scenario'
import { failure, happened } from './speech'

const FIRST: OneCall = { from: '13800138000', to: '12345', at: '2026-11-24 10:00', area: '', agents: 1 }
/** A trial with more agents shows nothing new. */
const AGENTS_MAX = 20

export function Simulate({ files, go }: { files: PlanFile[]; go: Go }) {
  const { t } = useText()
  const [form, setForm] = useState(FIRST)
  const [scenario, setScenario] = useState(() => scenarioOf(FIRST))
  const [result, setResult] = useState<Simulated | null>(null)
  const { act, busy } = useAct()
  const set = (change: Partial<OneCall>) => {
    const next = { ...form, ...change }
    setForm(next)
    setScenario(scenarioOf(next))
  }
  const run = () =>
    void act('run', async () => {
      setResult(await simulatePlans(files, scenario))
    })
  useShortcut('Ctrl+Enter', t('admin.plans.run'), run)
  return (
    <div className={css.simulate}>
      <div className={css.call}>
        <Field label={t('admin.plans.from')}>
          {(control) => (
            <Input {...control} value={form.from} onChange={(event) => set({ from: event.target.value })} />
          )}
        </Field>
        <Field label={t('admin.plans.called')}>
          {(control) => (
            <Input {...control} value={form.to} onChange={(event) => set({ to: event.target.value })} />
          )}
        </Field>
        <Field label={t('admin.plans.day_time')}>
          {(control) => (
            <Input {...control} value={form.at} onChange={(event) => set({ at: event.target.value })} />
          )}
        </Field>
        <Field label={t('admin.plans.area')}>
          {(control) => (
            <Input {...control} value={form.area} onChange={(event) => set({ area: event.target.value })} />
          )}
        </Field>
        <Field label={t('admin.plans.agents')}>
          {(control) => (
            <InputNumber
              {...control}
              style={{ width: '100%' }}
              min={0}
              max={AGENTS_MAX}
              value={form.agents}
              onChange={(agents) => set({ agents: agents ?? 0 })}
            />
          )}
        </Field>
      </div>
      <Field label={t('admin.plans.scenario')} hint={t('admin.plans.scenario_hint')}>
        {(control) => (
          <textarea
            {...control}
            className={css.scenario}
            spellCheck={false}
            wrap="off"
            value={scenario}
            onChange={(event) => setScenario(event.target.value)}
          />
        )}
      </Field>
      <div>
        <Button type="primary" loading={busy !== null} onClick={run}>
          {t('admin.plans.run')} <Kbd onColor>Ctrl ↵</Kbd>
        </Button>
      </div>
      {result && <Result result={result} go={go} />}
    </div>
  )
}

function Result({ result, go }: { result: Simulated; go: Go }) {
  const { t, lang } = useText()
  if (result.diagnostics.length > 0) return <Findings good={false} diagnostics={result.diagnostics} go={go} />
  return (
    <section className={css.result} aria-label={t('admin.plans.lines')}>
      <div className={css.sum}>
        <Tag tone={result.passed ? 'good' : 'danger'}>
          {result.passed ? t('admin.plans.passed') : t('admin.plans.not_passed')}
        </Tag>
        {result.failures.map((each) => (
          <span key={each} style={{ color: 'var(--danger)' }}>
            {lang === 'zh' ? failure(each) : each}
          </span>
        ))}
      </div>
      <ol className={css.lines}>
        {result.lines.map((line, i) => (
          <li key={i}>
            <span className="num muted">{stopwatch(line.at)}</span>
            <span className="muted">{line.call}</span>
            <span>{lang === 'zh' ? happened(line.what) : line.what}</span>
          </li>
        ))}
      </ol>
    </section>
  )
}
