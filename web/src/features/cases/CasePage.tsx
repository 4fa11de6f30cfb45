/** One case on one page: what it is, what happened, by when, and what may be done now. */
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { Button, Dropdown } from 'antd'
import { useState } from 'react'
import { caseQuery, meQuery } from '../../api/queries'
import type { Case, Verb } from '../../api/types'
import { useText } from '../../i18n'
import { CaseTimeline } from '../../ui/case/CaseTimeline'
import { Limits } from '../../ui/case/Limits'
import { Requester, Words } from '../../ui/case/Requester'
import { Steps } from '../../ui/case/Steps'
import { useVerb, VerbForm } from '../../ui/case/VerbForm'
import { movesFirst, movesOn, needsForm, verbName } from '../../ui/case/verbs'
import { publicNo } from '../../ui/format'
import { Icon } from '../../ui/icons'
import { Panel } from '../../ui/Panel'
import { Gate } from '../../ui/States'
import { CardTag, NodeTag, Tag, UrgencyTag } from '../../ui/Tag'
import { TopBar } from '../../ui/TopBar'
import { Moment } from '../../ui/time'
import css from './cases.module.css'
import { FollowUps } from './FollowUps'
import { PlaceMap } from './PlaceMap'

const route = getRouteApi('/signed-in/shell/cases/$id')

export function CasePage() {
  const { id } = route.useParams()
  const { t } = useText()
  const asked = useQuery(caseQuery(id))
  return (
    <>
      <TopBar>
        <nav className={css.crumbs} aria-label={t('cases.title')}>
          <Link to="/cases">{t('app.nav.cases')}</Link>
          <span aria-hidden="true">/</span>
          {asked.data?.lead_unit && (
            <>
              <span>{asked.data.lead_unit.name}</span>
              <span aria-hidden="true">/</span>
            </>
          )}
          <b className="num">{asked.data ? publicNo(asked.data.public_no) : ''}</b>
        </nav>
      </TopBar>
      <Gate asked={asked} rows={10}>
        {(one) => <Shown key={one.id} one={one} />}
      </Gate>
    </>
  )
}

function Shown({ one }: { one: Case }) {
  const { t, code, lang } = useText()
  const [chosen, setChosen] = useState<string | null>(null)
  // A verb that is no longer allowed (another hand was quicker) closes its form by itself.
  const verb = one.verbs.find((each) => each.verb === chosen)
  return (
    <div className={css.page}>
      <Head one={one} choose={setChosen} chosen={chosen} />
      <div className={css.left}>
        <Panel title={t('cases.words.title')}>
          <Words one={one} />
        </Panel>
        <CaseTimeline id={one.id} />
      </div>
      <div className={css.right}>
        {verb && (
          <Panel title={verbName(verb, { code, lang })}>
            <VerbForm key={verb.verb} one={one} verb={verb} close={() => setChosen(null)} />
          </Panel>
        )}
        <Limits one={one} />
        <Requester one={one}>
          <PlaceMap one={one} />
        </Requester>
        {one.links && one.links.length > 0 && <Links one={one} />}
      </div>
    </div>
  )
}

function Head({ one, choose, chosen }: { one: Case; choose: (verb: string) => void; chosen: string | null }) {
  const { t, code } = useText()
  const { data: me } = useQuery(meQuery)
  return (
    <header className={css.head}>
      <div className={css.titleRow}>
        <div className={css.title}>
          <h1>{one.title}</h1>
          <UrgencyTag urgency={one.urgency} />
          <CardTag card={one.card} />
          <NodeTag node={one.node} />
          {one.overlays.map((overlay) => (
            <Tag key={overlay} tone={overlay === 'supervised' ? 'danger' : 'hold'}>
              {code('overlay', overlay)}
            </Tag>
          ))}
          {one.same_matter ? (
            <Tag tone="primary">{t('cases.same_matter', { n: one.same_matter })}</Tag>
          ) : null}
          {one.returns > 0 && <Tag tone="warn">{t('cases.returned', { n: one.returns })}</Tag>}
        </div>
        <Acts one={one} choose={choose} chosen={chosen} />
      </div>
      <div className={css.line}>
        <span>{code('channel', one.channel)}</span>
        <span>{code('nature', one.nature)}</span>
        <span>{one.class_name}</span>
        <span>
          {t('cases.head.lead')} <b>{one.lead_unit?.name ?? t('cases.head.no_lead')}</b>
        </span>
        {one.co_units.length > 0 && (
          <span>
            {t('cases.head.co')} {one.co_units.map((unit) => unit.name).join('、')}
          </span>
        )}
        <span>{t('cases.round', { n: one.round })}</span>
        <span>
          {one.accepted_at ? t('cases.col.at') : code('verb', 'capture')}{' '}
          <Moment at={one.accepted_at ?? one.collected_at} />
        </span>
        <FollowUps one={one} may={(right) => !me?.actions || me.actions.includes(right)} />
      </div>
      <Steps one={one} />
    </header>
  )
}

/** So many buttons fit beside a long title; the rest is behind “other”. */
const SHOWN_VERBS = 4
function Acts({ one, choose, chosen }: { one: Case; choose: (verb: string) => void; chosen: string | null }) {
  const { t, code, lang } = useText()
  const { act, busy } = useVerb(one)
  const ordered = movesFirst(one.verbs)
  const name = (verb: Verb) => verbName(verb, { code, lang })
  const run = (verb: Verb) => (needsForm(verb) ? choose(verb.verb) : void act(verb.verb, {}))
  const shown = ordered.slice(0, SHOWN_VERBS)
  const rest = ordered.slice(SHOWN_VERBS)
  return (
    <div className={css.acts} role="group" aria-label={t('cases.actions.title')}>
      {rest.length > 0 && (
        <Dropdown
          menu={{
            items: rest.map((verb) => ({
              key: verb.verb,
              label: name(verb),
              danger: verb.danger,
              onClick: () => run(verb),
            })),
          }}
          trigger={['click']}
        >
          <Button>
            {t('cases.actions.more')} <Icon name="down" size={12} />
          </Button>
        </Dropdown>
      )}
      {[...shown].reverse().map((verb) => (
        <Button
          key={verb.verb}
          type={verb === shown[0] && movesOn(verb) ? 'primary' : 'default'}
          danger={verb.danger}
          loading={busy === verb.verb}
          aria-pressed={chosen === verb.verb}
          onClick={() => run(verb)}
        >
          {name(verb)}
        </Button>
      ))}
    </div>
  )
}

function Links({ one }: { one: Case }) {
  const { t, code } = useText()
  return (
    <Panel title={`${t('cases.links.title')} ${one.links?.length ?? 0}`} extra={t('cases.links.told')}>
      <ul>
        {one.links?.map((link) => (
          <li key={link.case_id} className={css.link}>
            <Link to="/cases/$id" params={{ id: link.case_id }} className="num">
              {publicNo(link.public_no)}
            </Link>
            <span>
              {code('link', link.kind)}
              {'　'}
              {link.title}
            </span>
            {link.state && <NodeTag node={link.state} />}
          </li>
        ))}
      </ul>
    </Panel>
  )
}
