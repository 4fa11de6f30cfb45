/** The phone inside React: one per signed-in agent, alive while he walks from page to page. */
import { createContext, type ReactNode, useContext, useEffect, useState, useSyncExternalStore } from 'react'
import { Phone, type PhoneSnapshot } from './phone'
import { browserWorld } from './world'

export type { PhoneSnapshot, PhoneState } from './phone'

const PhoneContext = createContext<Phone | null>(null)

export function PhoneProvider({ children }: { children: ReactNode }) {
  const [phone] = useState(() => new Phone(browserWorld))
  useEffect(() => {
    void phone.start()
    return () => phone.stop()
  }, [phone])
  return <PhoneContext value={phone}>{children}</PhoneContext>
}

export function usePhone(): { phone: Phone; leg: PhoneSnapshot } {
  const phone = useContext(PhoneContext)
  if (!phone) throw new Error('PhoneProvider is missing above this component')
  const leg = useSyncExternalStore(phone.subscribe, phone.getSnapshot)
  return { phone, leg }
}
