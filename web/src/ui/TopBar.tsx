import { createContext, type ReactNode, useContext } from 'react'
import { createPortal } from 'react-dom'

/** The place in the top bar that the open page fills. */
export const TopSlotContext = createContext<HTMLElement | null>(null)

/** Puts its children into the top bar: the page's name, its path, its figures. */
export function TopBar({ children }: { children: ReactNode }) {
  const slot = useContext(TopSlotContext)
  return slot ? createPortal(children, slot) : null
}
