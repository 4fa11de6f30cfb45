import { useText } from '../i18n'
import { useLiveState } from '../live'
import { clockTime } from '../ui/format'
import css from './shell.module.css'

/** Says that facts are getting old, instead of silently showing them. */
export function LiveBar() {
  const { t } = useText()
  const { state, asOf } = useLiveState()
  if (state !== 'lost') return <div className={css.liveNone} />
  const text = asOf ? t('app.live.lost', { time: clockTime(asOf, true) }) : t('app.live.lost_never')
  return (
    <div className={css.liveBar} role="status">
      {text}
      <button type="button" onClick={() => dispatchEvent(new Event('online'))}>
        {t('app.live.retry')}
      </button>
    </div>
  )
}
