/** A tree that asks for a level when it is opened. Arrow keys walk, right opens, left closes. */
import { useQuery } from '@tanstack/react-query'
import { type KeyboardEvent, useState } from 'react'
import { childrenQuery, type OrgUnit } from '../../api/ops'
import { useText } from '../../i18n'
import { Icon } from '../../ui/icons'
import { Gate, Loading } from '../../ui/States'
import css from './orgs.module.css'

interface Walk {
  chosen?: string
  choose: (id: string) => void
}

export function Tree(walk: Walk) {
  const { t } = useText()
  const asked = useQuery(childrenQuery(null))
  return (
    <Gate asked={asked} rows={10}>
      {(page) => (
        <div className={css.tree} role="tree" aria-label={t('admin.orgs.tree')} onKeyDown={walkKeys}>
          {inOrder(page.items).map((unit) => (
            <Branch key={unit.id} unit={unit} depth={0} open={page.items.length === 1} {...walk} />
          ))}
        </div>
      )}
    </Gate>
  )
}

const KIND_ORDER = ['city', 'county', 'township', 'village', 'department', 'company']

/** Levels of the government first, then departments and companies; within a kind by code of division, else by name. */
function inOrder(units: OrgUnit[]): OrgUnit[] {
  const place = (unit: OrgUnit) => KIND_ORDER.indexOf(unit.kind)
  const name = (unit: OrgUnit) => unit.gov_code ?? unit.name
  return [...units].sort((a, b) => place(a) - place(b) || name(a).localeCompare(name(b), 'zh-CN'))
}

function Branch({
  unit,
  depth,
  open: atFirst,
  chosen,
  choose,
}: Walk & { unit: OrgUnit; depth: number; open?: boolean }) {
  const [open, setOpen] = useState(atFirst ?? false)
  return (
    <>
      <UnitRow
        unit={unit}
        depth={depth}
        on={unit.id === chosen}
        open={unit.has_children ? open : undefined}
        toggle={() => setOpen(!open)}
        choose={() => choose(unit.id)}
      />
      {open && <Below parent={unit.id} depth={depth + 1} chosen={chosen} choose={choose} />}
    </>
  )
}

function Below({ parent, depth, ...walk }: Walk & { parent: string; depth: number }) {
  const asked = useQuery(childrenQuery(parent))
  if (asked.isPending) return <Loading rows={2} />
  return (
    <div role="group">
      {inOrder(asked.data?.items ?? []).map((unit) => (
        <Branch key={unit.id} unit={unit} depth={depth} {...walk} />
      ))}
    </div>
  )
}

interface RowProps {
  unit: OrgUnit
  on: boolean
  choose: () => void
  depth?: number
  /** Undefined where there is nothing below. */
  open?: boolean
  toggle?: () => void
}

export function UnitRow({ unit, on, choose, depth = 0, open, toggle }: RowProps) {
  const { raw } = useText()
  return (
    <div className={css.row} style={{ paddingLeft: 8 + depth * 18 }} data-on={on || undefined}>
      <button
        type="button"
        className={css.twist}
        tabIndex={-1}
        aria-hidden="true"
        data-open={open || undefined}
        style={open === undefined ? { visibility: 'hidden' } : undefined}
        onClick={toggle}
      >
        <Icon name="right" size={12} />
      </button>
      <button
        type="button"
        role="treeitem"
        aria-level={depth + 1}
        aria-selected={on}
        aria-expanded={open}
        className={css.name}
        onClick={choose}
        onKeyDown={(event) => {
          if ((event.key === 'ArrowRight' && open === false) || (event.key === 'ArrowLeft' && open)) {
            toggle?.()
            event.preventDefault()
          }
        }}
      >
        {unit.name}
      </button>
      <span className="small">{raw(`admin.orgs.k.${unit.kind}`, { defaultValue: unit.kind })}</span>
    </div>
  )
}

function walkKeys(event: KeyboardEvent<HTMLElement>) {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>('[role=treeitem]')]
  const at = items.indexOf(document.activeElement as HTMLElement)
  items[at + (event.key === 'ArrowDown' ? 1 : -1)]?.focus()
  event.preventDefault()
}
