/** What moves on the map. */
import type { Place } from '../api/ops'
import type { Tone } from '../ui/Tag'

export interface Mark {
  id: string
  place: Place
  /** Circle: a unit that can be sent. Diamond: where something is to be done. */
  shape: 'circle' | 'diamond'
  tone: Tone
  /** Shown beside it. */
  label: string
  /** For a screen reader and on hover. */
  title: string
  /** Wants attention. */
  ring?: boolean
}
