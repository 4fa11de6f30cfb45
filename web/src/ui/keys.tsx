/**
 * Keyboard shortcuts: declared where they act, listed by `?`.
 * Function keys and Ctrl combinations work while typing; single characters do not.
 */
import { useEffect, useRef, useSyncExternalStore } from 'react'

export interface Shortcut {
  /** As shown: `F2`, `Ctrl+K`, `?`, `/`. */
  key: string
  label: string
  run: () => void
}

let shown: readonly Shortcut[] = []
const watchers = new Set<() => void>()

function publish(next: readonly Shortcut[]): void {
  shown = next
  for (const watcher of watchers) watcher()
}

/** Binds a key while the component is mounted and `active`. The latest binding of a key wins. */
export function useShortcut(key: string, label: string, run: () => void, active = true): void {
  const latest = useRef(run)
  latest.current = run
  useEffect(() => {
    if (!active) return
    const shortcut: Shortcut = { key, label, run: () => latest.current() }
    publish([shortcut, ...shown])
    return () => publish(shown.filter((each) => each !== shortcut))
  }, [key, label, active])
}

export function useShortcutList(): readonly Shortcut[] {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
    () => shown,
  )
}

interface KeyPress {
  key: string
  ctrlKey: boolean
  metaKey: boolean
  altKey: boolean
  isComposing?: boolean
}

/** The shortcut name of a key press, or null where it is none of ours. */
export function nameOf(press: KeyPress, typing: boolean): string | null {
  if (press.isComposing || press.altKey) return null
  if (/^F([1-9]|1[0-2])$/.test(press.key)) return press.ctrlKey ? null : press.key
  if (press.ctrlKey || press.metaKey)
    return press.key === 'Enter' ? 'Ctrl+Enter' : `Ctrl+${press.key.toUpperCase()}`
  return typing ? null : press.key
}

/** Listens on the whole page; called once by the shell. */
export function useShortcutListener(): void {
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      const name = nameOf(event, isTyping(event.target))
      const found = name && shown.find((each) => each.key === name)
      if (!found) return
      event.preventDefault()
      event.stopPropagation()
      if (!event.repeat) found.run()
    }
    // Before the control that has the focus: Ctrl+Enter in a list of choices submits, it does not open the list.
    addEventListener('keydown', listen, true)
    return () => removeEventListener('keydown', listen, true)
  }, [])
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName)
}
