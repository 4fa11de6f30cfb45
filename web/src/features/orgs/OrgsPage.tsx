/** The organisation tree, opened level by level, and the chosen unit: facts, posts, people, grids, history. */
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { orgSearchQuery } from '../../api/ops'
import { useText } from '../../i18n'
import { Panel } from '../../ui/Panel'
import { SearchBox } from '../../ui/SearchBox'
import { Empty, Gate, StateBlock } from '../../ui/States'
import { TopBar } from '../../ui/TopBar'
import ui from '../../ui/ui.module.css'
import css from './orgs.module.css'
import type { OrgSearch } from './search'
import { Tree, UnitRow } from './Tree'
import { UnitCard } from './UnitCard'

const route = getRouteApi('/signed-in/shell/orgs')

export function OrgsPage() {
  const { t } = useText()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const set = (change: Partial<OrgSearch>) =>
    void navigate({ search: (now: OrgSearch) => ({ ...now, ...change }), replace: true })
  const choose = (unit: string) => set({ unit })
  return (
    <div className={css.page}>
      <TopBar>
        <h1 style={{ fontSize: 16 }}>{t('admin.orgs.title')}</h1>
      </TopBar>
      <Panel flush title={t('admin.orgs.tree')}>
        <div className={ui.filters} data-search>
          <SearchBox value={search.q} hint={t('admin.orgs.search')} search={(q) => set({ q })} />
        </div>
        {search.q ? (
          <Found q={search.q} chosen={search.unit} choose={choose} />
        ) : (
          <Tree chosen={search.unit} choose={choose} />
        )}
      </Panel>
      {search.unit ? (
        <UnitCard key={search.unit} id={search.unit} choose={choose} />
      ) : (
        <Panel title={t('admin.orgs.facts')}>
          <StateBlock icon="orgs" title={t('admin.orgs.select')}>
            <span>{t('admin.orgs.select_hint')}</span>
          </StateBlock>
        </Panel>
      )}
    </div>
  )
}

function Found({ q, chosen, choose }: { q: string; chosen?: string; choose: (id: string) => void }) {
  const { t } = useText()
  const asked = useQuery(orgSearchQuery(q))
  return (
    <Gate asked={asked}>
      {(page) =>
        page.items.length === 0 ? (
          <Empty title={t('admin.orgs.not_found')} />
        ) : (
          <div className={css.tree} role="tree" aria-label={t('admin.orgs.tree')}>
            {page.items.map((unit) => (
              <UnitRow key={unit.id} unit={unit} on={unit.id === chosen} choose={() => choose(unit.id)} />
            ))}
          </div>
        )
      }
    </Gate>
  )
}
