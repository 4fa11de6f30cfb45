import type { ReactNode } from 'react'
import type { AgentState, Card, Case } from '../api/types'
import { useText } from '../i18n'
import css from './ui.module.css'

export type Tone = 'neutral' | 'primary' | 'good' | 'warn' | 'danger' | 'hold' | 'solid' | 'outline'

export function Tag({
  tone = 'neutral',
  large,
  children,
  title,
}: {
  tone?: Tone
  large?: boolean
  children: ReactNode
  title?: string
}) {
  return (
    <span className={css.tag} data-tone={tone} data-large={large || undefined} title={title}>
      {children}
    </span>
  )
}

export function Kbd({ children, onColor }: { children: ReactNode; onColor?: boolean }) {
  return (
    <span className={css.kbd} data-on={onColor ? 'color' : undefined} aria-hidden="true">
      {children}
    </span>
  )
}

/** Colour, word and shape together: no state is told by colour alone. */
const STATE_LOOK: Record<AgentState, { tone: Tone; shape: string }> = {
  ready: { tone: 'good', shape: 'solid' },
  reserved: { tone: 'primary', shape: 'ring' },
  talking: { tone: 'primary', shape: 'solid' },
  after_call: { tone: 'hold', shape: 'half' },
  not_ready: { tone: 'neutral', shape: 'bar' },
  offline: { tone: 'neutral', shape: 'hollow' },
}

export function StateDot({ state }: { state: AgentState }) {
  return <span className={css.dot} data-shape={STATE_LOOK[state].shape} />
}

export function AgentStateTag({
  state,
  reason,
  large,
}: {
  state: AgentState
  reason?: string | null
  large?: boolean
}) {
  const { code } = useText()
  return (
    <Tag tone={STATE_LOOK[state].tone} large={large}>
      <StateDot state={state} />
      {state === 'not_ready' && reason ? reason : code('agent_state', state)}
    </Tag>
  )
}

export function UrgencyTag({ urgency }: { urgency: Case['urgency'] }) {
  const { code } = useText()
  if (urgency === 'normal') return null
  return <Tag tone={urgency === 'extra_urgent' ? 'solid' : 'outline'}>{code('urgency', urgency)}</Tag>
}

const CARD_TONE: Record<Card, Tone> = { none: 'neutral', green: 'good', yellow: 'warn', red: 'danger' }

export function CardTag({ card }: { card: Card }) {
  const { code } = useText()
  // Normal is no colour: only what is near its end or past it is marked.
  if (card === 'none' || card === 'green') return null
  return <Tag tone={CARD_TONE[card]}>{code('card', card)}</Tag>
}

const NODE_TONE: Record<string, Tone> = {
  draft: 'neutral',
  collected: 'primary',
  reported: 'primary',
  awaiting_citizen: 'hold',
  to_dispatch: 'primary',
  assigned: 'warn',
  return_requested: 'danger',
  handling: 'primary',
  in_joint: 'primary',
  fed_back: 'good',
  verifying: 'primary',
  replying: 'primary',
  revisiting: 'primary',
}

export function NodeTag({ node }: { node: string }) {
  const { code } = useText()
  return <Tag tone={NODE_TONE[node] ?? 'neutral'}>{code('node', node)}</Tag>
}
