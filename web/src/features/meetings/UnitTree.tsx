/** Units chosen from the tree, which is asked level by level. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Button, TreeSelect } from 'antd'
import { useState } from 'react'
import { childrenQuery, type OrgUnit } from '../../api/ops'
import type { UnitRef } from '../../api/types'
import { useText } from '../../i18n'
import { Field } from '../../ui/Field'

interface Node {
  id: string
  pId: string | null
  value: string
  title: string
  isLeaf: boolean
}

const node = (unit: OrgUnit): Node => ({
  id: unit.id,
  pId: unit.parent,
  value: unit.id,
  title: unit.name,
  isLeaf: !unit.has_children,
})

interface TreeProps {
  value: string[]
  onChange: (ids: string[]) => void
  /** Units that may be chosen before their branch was opened. */
  known: UnitRef[]
}

export function UnitTree({ value, onChange, known }: TreeProps) {
  const { t } = useText()
  const client = useQueryClient()
  const [loaded, setLoaded] = useState<Node[]>([])
  const top = useQuery(childrenQuery(null)).data?.items ?? []
  const city = top[0]
  const below = useQuery({ ...childrenQuery(city?.id ?? null), enabled: Boolean(city) }).data?.items ?? []
  const counties = below.filter((unit) => unit.kind === 'county').map((unit) => unit.id)
  const nodes = new Map([...top, ...below].map((unit) => [unit.id, node(unit)]))
  for (const each of loaded) nodes.set(each.id, each)
  for (const { id, name } of known)
    if (!nodes.has(id)) nodes.set(id, { id, pId: null, value: id, title: name, isLeaf: true })
  const load = async (parent: string) => {
    const page = await client.ensureQueryData(childrenQuery(parent))
    setLoaded((now) => [...now, ...page.items.map(node)])
  }
  return (
    <Field
      label={t('meetings.invite')}
      hint={t('meetings.invite_hint')}
      extra={
        <>
          {counties.length > 0 && (
            <Button size="small" type="link" onClick={() => onChange([...new Set([...value, ...counties])])}>
              {t('meetings.all_counties')}
            </Button>
          )}
          {value.length > 0 && (
            <Button size="small" type="link" onClick={() => onChange([])}>
              {t('meetings.clear')}
            </Button>
          )}
        </>
      }
    >
      {(control) => (
        <TreeSelect
          {...control}
          style={{ width: '100%' }}
          multiple
          treeDataSimpleMode
          treeData={[...nodes.values()]}
          treeDefaultExpandedKeys={city ? [city.id] : []}
          showSearch={{ treeNodeFilterProp: 'title' }}
          loadData={(each) => load(String(each.value))}
          value={value}
          onChange={onChange}
        />
      )}
    </Field>
  )
}
