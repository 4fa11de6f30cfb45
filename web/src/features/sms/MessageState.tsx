import type { Message } from '../../api/ops'
import { useText } from '../../i18n'
import { Tag, type Tone } from '../../ui/Tag'

const TONE: Record<string, Tone> = {
  queued: 'neutral',
  submitted: 'primary',
  delivered: 'good',
  failed: 'danger',
  expired: 'danger',
  unknown: 'warn',
  received: 'primary',
}

export function MessageStateTag({ one }: { one: Message }) {
  const { raw } = useText()
  return (
    <Tag tone={TONE[one.state] ?? 'neutral'} title={one.reason ?? undefined}>
      {raw(`sms.state.${one.state}`, { defaultValue: one.state })}
    </Tag>
  )
}
