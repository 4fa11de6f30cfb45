import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { caseCountsQuery } from '../api/queries'
import { useText } from '../i18n'
import { Icon } from '../ui/icons'
import { openPalette } from './palette-state'
import { type RailEntry, railFor } from './rail'
import css from './shell.module.css'
import { useWho } from './who'

export function Rail() {
  const { t, lang } = useText()
  const { me, may } = useWho()
  const counts = useQuery({ ...caseCountsQuery, enabled: may('case.read') })
  return (
    <nav className={css.rail} aria-label={t('app.nav.main')}>
      <div className={css.logo} lang={lang}>
        {t('app.name')}
      </div>
      {railFor(me).map((entry) => (
        <RailLink key={entry.to} entry={entry} count={entry.badge ? counts.data?.[entry.badge] : undefined} />
      ))}
      <button type="button" className={`${css.railLink} ${css.railFoot}`} onClick={() => openPalette()}>
        <Icon name="find" size={20} />
        {t('app.nav.find')}
      </button>
    </nav>
  )
}

/** More than this is shown as “99+”: the badge keeps its place. */
const BADGE_MAX = 99

function RailLink({ entry, count }: { entry: RailEntry; count?: number }) {
  const { t } = useText()
  const target = entry.to.startsWith('/wall') ? '_blank' : undefined
  return (
    <Link to={entry.to} className={css.railLink} target={target}>
      <Icon name={entry.icon} size={20} />
      {t(`app.nav.${entry.label}`)}
      {count ? <span className={css.badge}>{count > BADGE_MAX ? `${BADGE_MAX}+` : count}</span> : null}
    </Link>
  )
}
