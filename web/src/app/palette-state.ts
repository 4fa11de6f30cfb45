/** Whether the command bar or the shortcut list is open: opened from several places, shown in one. */
type Open = 'none' | 'palette' | 'shortcuts'

let open: Open = 'none'
const watchers = new Set<() => void>()

export function setOpen(next: Open): void {
  open = next
  for (const watcher of watchers) watcher()
}

export const openPalette = () => setOpen('palette')
export const openShortcuts = () => setOpen('shortcuts')

export const paletteStore = {
  subscribe: (watcher: () => void) => {
    watchers.add(watcher)
    return () => watchers.delete(watcher)
  },
  get: () => open,
}
