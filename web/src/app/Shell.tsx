/** The frame around every page: rail, top bar, live bar, command bar, and the phone of those who have a desk. */
import { Outlet } from '@tanstack/react-router'
import { lazy, type ReactNode, Suspense, useState } from 'react'
import { useText } from '../i18n'
import { LiveProvider } from '../live'
import { useShortcutListener } from '../ui/keys'
import { TopSlotContext } from '../ui/TopBar'
import { LiveBar } from './LiveBar'
import { Palette } from './Palette'
import { Rail } from './Rail'
import css from './shell.module.css'
import { TopRight } from './TopRight'
import { useWho } from './who'

const PhoneProvider = lazy(() => import('../phone').then((m) => ({ default: m.PhoneProvider })))
const AgentBar = lazy(() => import('../features/desk/AgentBar').then((m) => ({ default: m.AgentBar })))

export function Shell() {
  const { t } = useText()
  const { may } = useWho()
  const [slot, setSlot] = useState<HTMLElement | null>(null)
  const agent = may('call.agent')
  useShortcutListener()
  return (
    <LiveProvider>
      <MaybePhone agent={agent}>
        <TopSlotContext value={slot}>
          <div className={css.frame}>
            <a className={css.skip} href="#main">
              {t('app.signin.skip')}
            </a>
            <Rail />
            <header className={css.top}>
              {agent && (
                <Suspense fallback={null}>
                  <AgentBar />
                </Suspense>
              )}
              <div className={css.slot} ref={setSlot} />
              <TopRight />
            </header>
            <LiveBar />
            <main id="main" className={css.main} tabIndex={-1}>
              <Outlet />
            </main>
          </div>
          <Palette />
        </TopSlotContext>
      </MaybePhone>
    </LiveProvider>
  )
}

/** The phone stays mounted while one walks from page to page. */
function MaybePhone({ agent, children }: { agent: boolean; children: ReactNode }) {
  if (!agent) return <>{children}</>
  return (
    <Suspense fallback={null}>
      <PhoneProvider>{children}</PhoneProvider>
    </Suspense>
  )
}
