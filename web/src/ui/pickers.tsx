/** Choosing a unit of the tree, or a class of matters: typed search over names and codes. */
import { useQuery } from '@tanstack/react-query'
import { Cascader, Select } from 'antd'
import { useMemo, useState } from 'react'
import { classesQuery, unitsQuery } from '../api/queries'
import type { CaseClass, Unit, UnitRef } from '../api/types'
import { useText } from '../i18n'

interface PickerProps {
  id?: string
  'aria-required'?: boolean
  'aria-invalid'?: boolean
  'aria-describedby'?: string
  placeholder?: string
  status?: 'error' | ''
  size?: 'small' | 'middle'
  allowClear?: boolean
  style?: React.CSSProperties
}

interface UnitProps extends PickerProps {
  /** Units that may stand in the field without having been searched for: a proposal, the present lead. */
  known?: UnitRef[]
}

export function UnitPicker({
  value,
  onChange,
  known,
  ...rest
}: UnitProps & { value: string; onChange: (id: string) => void }) {
  const { options, search } = useUnits(known)
  return (
    <Select
      {...rest}
      style={{ width: '100%', ...rest.style }}
      showSearch={{ filterOption: false, onSearch: search }}
      options={options}
      value={value || undefined}
      onChange={(id: string | undefined) => onChange(id ?? '')}
    />
  )
}

export function UnitsPicker({
  value,
  onChange,
  known,
  ...rest
}: UnitProps & { value: string[]; onChange: (ids: string[]) => void }) {
  const { options, search } = useUnits(known)
  return (
    <Select
      {...rest}
      style={{ width: '100%', ...rest.style }}
      mode="multiple"
      showSearch={{ filterOption: false, onSearch: search }}
      options={options}
      value={value}
      onChange={onChange}
    />
  )
}

/** A unit with the one above it, so that 文化路街道 of two districts can be told apart. */
function useUnits(known: UnitRef[] = []) {
  const [q, setQ] = useState('')
  const { data } = useQuery(unitsQuery(q.trim()))
  // What was seen before keeps its name while the search moves on.
  const [seen] = useState(() => new Map<string, Unit>())
  const units = data ?? []
  for (const unit of units) seen.set(unit.id, unit)
  const shown = units.map((unit) => ({ value: unit.id, label: unitLabel(unit, seen) }))
  const here = new Set(units.map((unit) => unit.id))
  const others = [...known, ...[...seen.values()]].filter((unit) => !here.has(unit.id))
  const kept = [...new Map(others.map((unit) => [unit.id, unit])).values()].map((unit) => ({
    value: unit.id,
    label: unit.name,
    style: { display: 'none' },
  }))
  return { options: [...shown, ...kept], search: setQ }
}

function unitLabel(unit: Unit, byId: Map<string, Unit>): string {
  const parent = unit.parent_id ? byId.get(unit.parent_id) : undefined
  const shown = parent && parent.kind !== 'city' && !unit.name.startsWith(parent.name)
  return shown ? `${parent.name} ${unit.name}` : unit.name
}

interface ClassOption {
  value: string
  label: string
  children?: ClassOption[]
}

export function ClassPicker({
  value,
  onChange,
  ...rest
}: PickerProps & { value: string; onChange: (code: string) => void }) {
  const { data } = useQuery(classesQuery)
  const tree = useMemo(() => classTree(data?.items ?? []), [data])
  const path = useMemo(() => pathTo(data?.items ?? [], value), [data, value])
  const { lang } = useText()
  return (
    <Cascader
      {...rest}
      style={{ width: '100%', ...rest.style }}
      options={tree}
      // Opened before its classes are there it would stay where an empty list had its place.
      disabled={!data}
      value={path}
      showSearch
      allowClear={rest.allowClear ?? false}
      displayRender={(labels) => labels.join(lang === 'zh' ? '／' : ' / ')}
      onChange={(next) => onChange(String(next?.at(-1) ?? ''))}
    />
  )
}

export function classTree(classes: CaseClass[]): ClassOption[] {
  const nodes = new Map(
    classes.map((each) => [each.code, { value: each.code, label: each.name } as ClassOption]),
  )
  const roots: ClassOption[] = []
  for (const each of classes) {
    const node = nodes.get(each.code)
    if (!node) continue
    const parent = each.parent ? nodes.get(each.parent) : undefined
    if (parent) {
      parent.children ??= []
      parent.children.push(node)
    } else roots.push(node)
  }
  return roots
}

/** Deepest class trees of the standards have four levels; a circle in the data must not hang the page. */
const DEPTH_MAX = 8

export function pathTo(classes: CaseClass[], code: string): string[] {
  const byCode = new Map(classes.map((each) => [each.code, each]))
  const path: string[] = []
  for (
    let at = byCode.get(code);
    at && path.length < DEPTH_MAX;
    at = at.parent ? byCode.get(at.parent) : undefined
  )
    path.unshift(at.code)
  return path
}
