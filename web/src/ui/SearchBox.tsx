/** The search box of a list: sends on Enter, found by `/`. */
import { Input } from 'antd'
import { useText } from '../i18n'
import { Icon } from './icons'

/** Longer than any number or name that can be meant. */
const SEARCH_MAX_CHARS = 80

export function SearchBox({
  value,
  hint,
  search,
}: {
  value: string | undefined
  hint: string
  search: (text: string | undefined) => void
}) {
  const { t } = useText()
  const clear = (
    <span
      style={{
        display: 'inline-grid',
        placeItems: 'center',
        width: 24,
        height: 24,
        margin: '-2px -4px',
        color: 'var(--ink-2)',
      }}
    >
      <Icon name="close" size={12} />
      <span className="unseen">{t('app.common.clear')}</span>
    </span>
  )
  return (
    <Input.Search
      key={value}
      type="search"
      allowClear={{ clearIcon: clear }}
      defaultValue={value}
      placeholder={hint}
      aria-label={hint}
      maxLength={SEARCH_MAX_CHARS}
      style={{ width: 300 }}
      onSearch={(text) => search(text.trim() || undefined)}
    />
  )
}
