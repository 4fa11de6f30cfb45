/** What can be known before sign-in: whether the hub answers, and whether this browser will do. */
import { useEffect, useState } from 'react'
import { useText } from '../../i18n'
import { ClockNow } from '../../ui/time'
import css from './signin.module.css'

export function CheckRow() {
  const { t } = useText()
  const [reached, setReached] = useState<boolean | null>(null)
  useEffect(() => {
    fetch('/healthz').then(
      (answer) => setReached(answer.ok),
      () => setReached(false),
    )
  }, [])
  const capable = typeof RTCPeerConnection === 'function' && CSS.supports('inset', '0')
  return (
    <div className={css.foot}>
      <span>
        {t('app.signin.network')}
        {reached !== null && (
          <b className={reached ? css.good : css.bad}>
            {reached ? t('app.signin.network_ok') : t('app.signin.network_bad')}
          </b>
        )}
      </span>
      <span>
        {t('app.signin.browser')}
        <b className={capable ? css.good : css.bad}>
          {capable ? t('app.signin.browser_ok') : t('app.signin.browser_bad')}
        </b>
      </span>
      <ClockNow />
    </div>
  )
}
