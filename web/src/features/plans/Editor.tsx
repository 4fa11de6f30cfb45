import { Button, Select } from 'antd'
import { type RefObject, useState } from 'react'
import { checkPlans, type Diagnostic, type PlanFile } from '../../api/ops'
import { useText } from '../../i18n'
import { useAct } from '../../ui/act'
import { useShortcut } from '../../ui/keys'
import { Kbd, Tag } from '../../ui/Tag'
import { Findings, type Go } from './Findings'
import css from './plans.module.css'

interface EditorProps {
  shipped: PlanFile[]
  files: PlanFile[]
  at: number
  setAt: (at: number) => void
  setText: (text: string) => void
  area: RefObject<HTMLTextAreaElement | null>
  go: Go
}

export function Editor({ shipped, files, at, setAt, setText, area, go }: EditorProps) {
  const { t } = useText()
  const [found, setFound] = useState<{ good: boolean; diagnostics: Diagnostic[] } | null>(null)
  const { act, busy } = useAct()
  const file = files[at]
  const changed = (i: number) => files[i]?.text !== shipped[i]?.text
  const check = () =>
    void act('check', async () => {
      setFound(await checkPlans(files))
    })
  useShortcut('Ctrl+Enter', t('admin.plans.check'), check)
  return (
    <div className={css.editor}>
      <div className={css.tools}>
        <Select
          aria-label={t('admin.plans.file')}
          style={{ width: 200 }}
          value={at}
          options={files.map((each, i) => ({ value: i, label: each.name }))}
          onChange={setAt}
        />
        {changed(at) && <Tag tone="warn">{t('admin.plans.changed')}</Tag>}
        <span className={css.push}>
          {changed(at) && (
            <Button onClick={() => setText(shipped[at]?.text ?? '')}>{t('admin.plans.restore')}</Button>
          )}
          <Button type="primary" loading={busy !== null} onClick={check}>
            {t('admin.plans.check')} <Kbd onColor>Ctrl ↵</Kbd>
          </Button>
        </span>
      </div>
      <textarea
        ref={area}
        className={css.text}
        aria-label={file?.name}
        spellCheck={false}
        wrap="off"
        value={file?.text ?? ''}
        onChange={(event) => setText(event.target.value)}
      />
      {found && <Findings good={found.good} diagnostics={found.diagnostics} go={go} />}
    </div>
  )
}
