import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Button } from 'antd'
import { type OrgUnitWhole, orgHistoryQuery, orgQuery, peopleOfQuery, postsOfQuery } from '../../api/ops'
import { useText } from '../../i18n'
import { phoneNumber } from '../../ui/format'
import lay from '../../ui/layout.module.css'
import { Panel } from '../../ui/Panel'
import { Empty, Gate } from '../../ui/States'
import { Tag } from '../../ui/Tag'
import { Moment } from '../../ui/time'
import css from './orgs.module.css'

interface CardProps {
  id: string
  choose: (id: string) => void
}

export function UnitCard({ id, choose }: CardProps) {
  const asked = useQuery(orgQuery(id))
  return (
    <div className={lay.stack}>
      <Gate asked={asked}>
        {(unit) => (
          <>
            <Facts unit={unit} choose={choose} />
            <div className={css.two}>
              <People unit={unit.id} />
              <div className={css.stack}>
                <Posts unit={unit.id} />
                {unit.grids.length > 0 && <Grids unit={unit} />}
                <History unit={unit.id} />
              </div>
            </div>
          </>
        )}
      </Gate>
    </div>
  )
}

function Facts({ unit, choose }: { unit: OrgUnitWhole; choose: (id: string) => void }) {
  const { t, raw } = useText()
  return (
    <Panel
      title={unit.name}
      beside={<Tag tone="primary">{raw(`admin.orgs.k.${unit.kind}`, { defaultValue: unit.kind })}</Tag>}
      extra={
        <nav aria-label={t('admin.orgs.tree')}>
          {unit.above.map((each) => (
            <span key={each.id}>
              <Button type="link" size="small" onClick={() => choose(each.id)}>
                {each.name}
              </Button>
              ／
            </span>
          ))}
          {unit.name}
        </nav>
      }
    >
      <dl className={css.facts}>
        <dt>{t('admin.orgs.duty_phone')}</dt>
        <dd className="num">{unit.duty_phone ? phoneNumber(unit.duty_phone) : '—'}</dd>
        <dt>{t('admin.orgs.code')}</dt>
        <dd className="num">{unit.code}</dd>
        <dt>{t('admin.orgs.gov_code')}</dt>
        <dd className="num">{unit.gov_code ?? '—'}</dd>
        <dt>{t('admin.orgs.place')}</dt>
        <dd className="num">
          {unit.place ? `${unit.place.lon.toFixed(4)}, ${unit.place.lat.toFixed(4)}` : '—'}
        </dd>
        <dt>{t('admin.orgs.since')}</dt>
        <dd>
          <Moment at={unit.since} />
        </dd>
        <dt>{t('admin.orgs.grids')}</dt>
        <dd>{t('admin.orgs.grid_count', { n: unit.grids.length })}</dd>
      </dl>
    </Panel>
  )
}

function People({ unit }: { unit: string }) {
  const { t } = useText()
  const asked = useInfiniteQuery(peopleOfQuery(unit))
  return (
    <Panel title={t('admin.orgs.people')} flush>
      <Gate asked={asked}>
        {(data) => {
          const people = data.pages.flatMap((page) => page.items)
          if (people.length === 0) return <Empty title={t('admin.orgs.no_people')} />
          return (
            <ul className={css.people}>
              {people.map((one) => (
                <li key={one.id}>
                  <span className={css.line}>
                    <b>{one.name}</b>
                    <span className="num muted">{one.phone ? phoneNumber(one.phone) : ''}</span>
                  </span>
                  {one.posts.map((post) => (
                    <span key={post.id} className="small">
                      {post.unit_name} {post.title}{' '}
                      {post.stand_in && <Tag tone="warn">{t('admin.orgs.stand_in')}</Tag>}
                    </span>
                  ))}
                </li>
              ))}
              {asked.hasNextPage && (
                <li>
                  <Button
                    size="small"
                    loading={asked.isFetchingNextPage}
                    onClick={() => void asked.fetchNextPage()}
                  >
                    {t('admin.orgs.load_more')}
                  </Button>
                </li>
              )}
            </ul>
          )
        }}
      </Gate>
    </Panel>
  )
}

function Posts({ unit }: { unit: string }) {
  const { t } = useText()
  const asked = useQuery(postsOfQuery(unit))
  return (
    <Panel title={t('admin.orgs.posts')}>
      <Gate asked={asked} rows={2}>
        {(page) =>
          page.items.length === 0 ? (
            <span className="muted">{t('admin.orgs.no_posts')}</span>
          ) : (
            <ul className={css.posts}>
              {page.items.map((post) => (
                <li key={post.id}>
                  {post.title} {post.chief && <Tag tone="primary">{t('admin.orgs.chief')}</Tag>}
                </li>
              ))}
            </ul>
          )
        }
      </Gate>
    </Panel>
  )
}

function Grids({ unit }: { unit: OrgUnitWhole }) {
  const { t } = useText()
  return (
    <Panel title={t('admin.orgs.grids')} extra={t('admin.orgs.grid_count', { n: unit.grids.length })}>
      <ul className={css.posts}>
        {unit.grids.map((grid) => (
          <li key={grid.id}>
            {grid.name} <span className="small num">{grid.code}</span>
          </li>
        ))}
      </ul>
    </Panel>
  )
}

function History({ unit }: { unit: string }) {
  const { t } = useText()
  const asked = useQuery(orgHistoryQuery(unit))
  return (
    <Panel title={t('admin.orgs.history')}>
      <Gate asked={asked} rows={2}>
        {(page) => (
          <ul className={css.posts}>
            {page.items.map((period) => (
              <li key={period.since}>
                <Moment at={period.since} /> {period.name}
              </li>
            ))}
          </ul>
        )}
      </Gate>
    </Panel>
  )
}
