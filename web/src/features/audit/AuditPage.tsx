/** Who signed in, was refused, read personal data, changed accounts: the auditor's list. */
import { useInfiniteQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { Button, Select } from 'antd'
import { type AuditEntry, auditQuery } from '../../api/ops'
import { useText } from '../../i18n'
import { fullTime } from '../../ui/format'
import lay from '../../ui/layout.module.css'
import { PagedTable, rowsOf } from '../../ui/PagedTable'
import { Panel } from '../../ui/Panel'
import { Split } from '../../ui/Split'
import { StateBlock } from '../../ui/States'
import type { Column } from '../../ui/Table'
import { Tag, type Tone } from '../../ui/Tag'
import { TopBar } from '../../ui/TopBar'
import { Moment } from '../../ui/time'
import ui from '../../ui/ui.module.css'
import css from './audit.module.css'
import { AUDIT_KINDS, type AuditSearch } from './search'

const route = getRouteApi('/signed-in/shell/audit')

const TONE: Record<string, Tone> = {
  'access.sign_in_refused': 'warn',
  'access.refused': 'warn',
  'access.locked': 'danger',
  'access.personal_read': 'primary',
  'access.recording_played': 'primary',
  'access.changed': 'hold',
}

export function AuditPage() {
  const { t, raw } = useText()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const set = (change: Partial<AuditSearch>) =>
    void navigate({ search: (now: AuditSearch) => ({ ...now, ...change }), replace: true })
  const asked = useInfiniteQuery(auditQuery({ kind: search.kind, person: search.person }))
  const open = (one: AuditEntry) => set({ open: one.seq })
  const columns = useColumns(open)
  return (
    <Split aside={340}>
      <TopBar>
        <h1 style={{ fontSize: 16 }}>{t('admin.audit.title')}</h1>
      </TopBar>
      <Panel flush title={t('admin.audit.title')}>
        <div className={ui.filters}>
          <Select
            allowClear
            style={{ width: 180 }}
            placeholder={t('admin.audit.filter')}
            aria-label={t('admin.audit.filter')}
            value={search.kind}
            options={AUDIT_KINDS.map((kind) => ({ value: kind, label: kindName(raw, kind) }))}
            onChange={(kind) => set({ kind })}
          />
          {search.person && (
            <Tag tone="primary">
              {search.name ?? search.person}{' '}
              <Button size="small" type="link" onClick={() => set({ person: undefined, name: undefined })}>
                {t('admin.audit.all')}
              </Button>
            </Tag>
          )}
        </div>
        <PagedTable
          asked={asked}
          label={t('admin.audit.title')}
          empty={t('admin.audit.empty')}
          columns={columns}
          rowKey={(one) => String(one.seq)}
          selected={search.open ? String(search.open) : null}
          open={open}
        />
      </Panel>
      <Detail
        one={rowsOf(asked).find((each) => each.seq === search.open)}
        only={(one) => set({ person: one.person_id ?? undefined, name: one.actor })}
      />
    </Split>
  )
}

type Raw = ReturnType<typeof useText>['raw']
/** Dots part the steps of a text's path: the table of kinds is flat. */
const kindName = (raw: Raw, kind: string) =>
  raw(`admin.audit.kind.${kind.replace('access.', '')}`, { defaultValue: kind })

const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))

function useColumns(open: (one: AuditEntry) => void): Column<AuditEntry>[] {
  const { t, raw } = useText()
  return [
    {
      key: 'at',
      title: t('admin.audit.col.time'),
      width: 110,
      cell: (one) => (
        <button type="button" className={lay.open} onClick={() => open(one)}>
          <Moment at={one.at} />
        </button>
      ),
    },
    {
      key: 'kind',
      title: t('admin.audit.col.kind'),
      width: 130,
      cell: (one) => <Tag tone={TONE[one.kind] ?? 'neutral'}>{kindName(raw, one.kind)}</Tag>,
    },
    { key: 'actor', title: t('admin.audit.col.actor'), width: 200, cell: (one) => one.actor },
    {
      key: 'what',
      title: t('admin.audit.col.what'),
      cell: (one) => <span className={lay.clamp}>{summary(one)}</span>,
    },
    {
      key: 'from',
      title: t('admin.audit.col.address'),
      width: 130,
      cell: (one) => <span className="num muted">{text(one.body.address ?? '')}</span>,
    },
    {
      key: 'seq',
      title: t('admin.audit.col.seq'),
      width: 80,
      align: 'right',
      cell: (one) => <span className="num muted">{one.seq}</span>,
    },
  ]
}

/** What says most in one line; ids say nothing to a reader. */
function summary(one: AuditEntry): string {
  const skip = new Set(['address', 'session'])
  return Object.entries(one.body)
    .filter(([name, value]) => !skip.has(name) && value !== null && value !== '')
    .map(([, value]) => text(value))
    .join('　')
}

function Detail({ one, only }: { one: AuditEntry | undefined; only: (one: AuditEntry) => void }) {
  const { t, raw, lang } = useText()
  if (!one) {
    return (
      <Panel title={t('admin.audit.detail')}>
        <StateBlock icon="info" title={t('admin.audit.none')} />
      </Panel>
    )
  }
  return (
    <Panel
      title={kindName(raw, one.kind)}
      extra={
        one.person_id && (
          <Button size="small" onClick={() => only(one)}>
            {t('admin.audit.all_of')}
          </Button>
        )
      }
    >
      <dl className={lay.facts}>
        <dt>{t('admin.audit.col.time')}</dt>
        <dd className="num">{fullTime(one.at, lang)}</dd>
        <dt>{t('admin.audit.col.actor')}</dt>
        <dd>{one.actor}</dd>
        <dt>{t('admin.audit.col.seq')}</dt>
        <dd className="num">{one.seq}</dd>
        {Object.entries(one.body).map(([name, value]) => (
          <Fact key={name} name={name} value={text(value)} />
        ))}
      </dl>
    </Panel>
  )
}

function Fact({ name, value }: { name: string; value: string }) {
  const { raw } = useText()
  return (
    <>
      <dt>{raw(`admin.audit.field.${name}`, { defaultValue: name })}</dt>
      <dd className={css.value}>{value}</dd>
    </>
  )
}
