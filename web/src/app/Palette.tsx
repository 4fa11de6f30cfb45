/** The command bar (Ctrl K) and the shortcut list (?). */
import { useNavigate } from '@tanstack/react-router'
import { Input, Modal } from 'antd'
import { type KeyboardEvent, useLayoutEffect, useRef, useState, useSyncExternalStore } from 'react'
import { useText } from '../i18n'
import { publicNo } from '../ui/format'
import { Icon, type IconName } from '../ui/icons'
import { useShortcut, useShortcutList } from '../ui/keys'
import { Kbd } from '../ui/Tag'
import { openPalette, openShortcuts, paletteStore, setOpen } from './palette-state'
import { railFor } from './rail'
import css from './shell.module.css'
import { useWho } from './who'

interface Command {
  key: string
  icon: IconName
  label: string
  run: () => void
}

export function Palette() {
  const { t } = useText()
  const open = useSyncExternalStore(paletteStore.subscribe, paletteStore.get)
  useShortcut('Ctrl+K', t('app.keys.palette'), openPalette)
  useShortcut('/', t('app.keys.search'), focusSearch)
  useShortcut('?', t('app.keys.list'), openShortcuts)
  return (
    <>
      {open === 'palette' && <PaletteDialog close={() => setOpen('none')} />}
      <Modal
        open={open === 'shortcuts'}
        onCancel={() => setOpen('none')}
        footer={null}
        width={480}
        destroyOnHidden
        title={t('app.keys.title')}
      >
        <ShortcutList />
      </Modal>
    </>
  )
}

/** A native dialog: it has the focus in the same moment, so that no letter of a fast typist is lost. */
function PaletteDialog({ close }: { close: () => void }) {
  const { t } = useText()
  const dialog = useRef<HTMLDialogElement>(null)
  useLayoutEffect(() => {
    dialog.current?.showModal()
    dialog.current?.querySelector('input')?.focus()
  }, [])
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a native dialog; the click is the mouse's way
    <dialog
      ref={dialog}
      className={css.dialog}
      aria-label={t('app.palette.title')}
      onClose={close}
      onClick={(event) => {
        if (event.target === dialog.current) close()
      }}
    >
      <div className={css.dialogBody}>
        <CommandBar close={close} />
      </div>
    </dialog>
  )
}

/** The page's own search box, or the command bar where there is none. */
function focusSearch(): void {
  const box = document.querySelector<HTMLInputElement>('#main input[type=search], #main [data-search] input')
  if (box) box.focus()
  else openPalette()
}

function CommandBar({ close }: { close: () => void }) {
  const { t } = useText()
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const commands = useCommands(text.trim())
  const chosen = Math.min(at, commands.length - 1)
  const run = (command: Command | undefined) => {
    if (!command) return
    close()
    command.run()
  }
  const keys = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return
    if (event.key === 'ArrowDown') setAt(Math.min(chosen + 1, commands.length - 1))
    else if (event.key === 'ArrowUp') setAt(Math.max(chosen - 1, 0))
    else if (event.key === 'Enter') run(commands[chosen])
    else return
    event.preventDefault()
  }
  return (
    <>
      <Input
        size="large"
        variant="borderless"
        prefix={<Icon name="find" size={18} />}
        placeholder={t('app.palette.hint')}
        aria-label={t('app.palette.hint')}
        aria-controls="palette-commands"
        value={text}
        maxLength={80}
        onChange={(event) => {
          setText(event.target.value)
          setAt(0)
        }}
        onKeyDown={keys}
      />
      <div className={css.palette} id="palette-commands" role="listbox" aria-label={t('app.palette.title')}>
        {commands.map((command, i) => (
          <button
            key={command.key}
            type="button"
            role="option"
            aria-selected={i === chosen}
            className={css.command}
            onMouseMove={(event) => (event.movementX || event.movementY) && setAt(i)}
            onClick={() => run(command)}
          >
            <Icon name={command.icon} size={18} />
            <span>{command.label}</span>
          </button>
        ))}
      </div>
      <div className={css.paletteFoot}>
        <span>
          <Kbd>↑</Kbd> <Kbd>↓</Kbd> {t('app.palette.move')}
        </span>
        <span>
          <Kbd>↵</Kbd> {t('app.palette.run')}
        </span>
        <span>
          <Kbd>Esc</Kbd> {t('app.keys.esc')}
        </span>
      </div>
    </>
  )
}

function useCommands(text: string): Command[] {
  const { t } = useText()
  const { me, may } = useWho()
  const navigate = useNavigate()
  const digits = text.replace(/\s/g, '')
  const pages = railFor(me)
    .map((entry) => ({ entry, label: t(`app.nav.${entry.label}`) }))
    .filter(({ label, entry }) => !text || label.includes(text) || entry.to.includes(text.toLowerCase()))
    .map(
      ({ entry, label }): Command => ({
        key: entry.to,
        icon: entry.icon,
        label: t('app.palette.go', { page: label }),
        run: () => void navigate({ to: entry.to }),
      }),
    )
  if (!text) return pages
  const found: Command[] = []
  const inCases = (label: string): Command => ({
    key: 'cases',
    icon: 'cases',
    label,
    run: () => void navigate({ to: '/cases', search: { q: digits.length === 13 ? digits : text } }),
  })
  if (may('case.read'))
    found.push(
      inCases(
        /^\d{13}$/.test(digits)
          ? t('app.palette.open_case', { no: publicNo(digits) })
          : t('app.palette.cases', { q: text }),
      ),
    )
  if (may('call.read')) {
    found.push({
      key: 'calls',
      icon: 'calls',
      label: t('app.palette.calls', { q: text }),
      run: () => void navigate({ to: '/calls', search: { q: text } }),
    })
  }
  return [...found, ...pages]
}

function ShortcutList() {
  const { t } = useText()
  const list = useShortcutList()
  const unique = [...new Map(list.map((each) => [each.key, each])).values()].sort((a, b) =>
    a.key.localeCompare(b.key, undefined, { numeric: true }),
  )
  return (
    <div className={css.keys}>
      {unique.map((each) => (
        <ShortcutRow key={each.key} label={each.label} name={each.key} />
      ))}
      <ShortcutRow label={t('app.keys.esc')} name="Esc" />
    </div>
  )
}

function ShortcutRow({ label, name }: { label: string; name: string }) {
  return (
    <>
      <span>{label}</span>
      <Kbd>{name}</Kbd>
    </>
  )
}
