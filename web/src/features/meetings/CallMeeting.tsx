/** Calling a meeting: its title, the invited units from the tree, the case it is about. */
import { useQuery } from '@tanstack/react-query'
import { Button, Input } from 'antd'
import { type FormEvent, useEffect, useState } from 'react'
import { createMeeting, type Meeting } from '../../api/ops'
import { caseQuery } from '../../api/queries'
import { useText } from '../../i18n'
import { useAct } from '../../ui/act'
import { Field } from '../../ui/Field'
import { publicNo } from '../../ui/format'
import { useShortcut } from '../../ui/keys'
import lay from '../../ui/layout.module.css'
import { Panel } from '../../ui/Panel'
import { Kbd, Tag } from '../../ui/Tag'
import { UnitTree } from './UnitTree'

/** The hub takes no longer title. */
const TITLE_MAX_CHARS = 60

interface CallProps {
  caseId?: string
  close: () => void
  created: (one: Meeting) => void
}

export function CallMeeting({ caseId, close, created }: CallProps) {
  const { t } = useText()
  const one = useQuery({ ...caseQuery(caseId ?? ''), enabled: Boolean(caseId) }).data
  const [title, setTitle] = useState('')
  const [invite, setInvite] = useState<string[]>([])
  const [tried, setTried] = useState(false)
  const { act, busy, error } = useAct(['meetings'], ['cases'])
  // The case proposes a title and its units once, never over what was typed.
  useEffect(() => {
    if (!one) return
    setTitle((now) => now || t('meetings.about', { title: one.title }).slice(0, TITLE_MAX_CHARS))
    const units = [one.lead_unit, ...one.co_units].flatMap((unit) => (unit ? [unit.id] : []))
    setInvite((now) => (now.length > 0 ? now : units))
  }, [one, t])
  const send = async () => {
    setTried(true)
    if (!title.trim()) return
    let made: Meeting | null = null
    const body = { title: title.trim(), invite, ...(caseId ? { case_id: caseId } : {}) }
    const done = await act(
      'call',
      async () => {
        made = await createMeeting(body)
      },
      t('meetings.created'),
    )
    if (done && made) created(made)
  }
  useShortcut('Ctrl+Enter', t('app.keys.submit'), () => void send())
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void send()
  }
  const known = one ? [one.lead_unit, ...one.co_units].flatMap((unit) => (unit ? [unit] : [])) : []
  return (
    <Panel title={t('meetings.create')}>
      <form className={lay.form} onSubmit={submit} noValidate>
        {one && (
          <div className={lay.about}>
            <Tag tone="primary">{t('meetings.case')}</Tag> <b>{one.title}</b>
            <div className="small num">{publicNo(one.public_no)}</div>
          </div>
        )}
        <Field
          label={t('meetings.name')}
          required
          hint={t('meetings.name_hint')}
          error={tried && !title.trim() ? t('meetings.no_name') : error?.fields.title}
        >
          {(control) => (
            <Input
              {...control}
              autoFocus
              maxLength={TITLE_MAX_CHARS}
              value={title}
              onChange={(event) => setTitle(event.target.value)}
            />
          )}
        </Field>
        <UnitTree value={invite} onChange={setInvite} known={known} />
        <div className={lay.acts}>
          <Button type="primary" htmlType="submit" loading={busy !== null}>
            {t('meetings.create')} <Kbd onColor>Ctrl ↵</Kbd>
          </Button>
          <Button onClick={close}>{t('app.common.cancel')}</Button>
        </div>
      </form>
    </Panel>
  )
}
