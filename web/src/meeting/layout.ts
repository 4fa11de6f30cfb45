/** Which tiles are shown, how large. Pure. */
import type { Attendee } from './room'

export interface Tile {
  key: string
  person: Attendee
  what: 'camera' | 'screen'
}

export interface Layout {
  /** Shown large: a shared screen. */
  stage: Tile | null
  tiles: Tile[]
  columns: number
}

/** More would be too small to know a face. */
export const TILES_MAX = 25

/** A shared screen takes the stage, the latest one's wins; else all are alike, who speaks or is seen first. */
export function layoutOf(people: Attendee[]): Layout {
  const sharer = people.find((each) => each.screen && !each.local) ?? people.find((each) => each.screen)
  const stage = sharer ? { key: `${sharer.id}:screen`, person: sharer, what: 'screen' as const } : null
  const tiles = inOrder(people)
    .slice(0, TILES_MAX)
    .map((person): Tile => ({ key: `${person.id}:camera`, person, what: 'camera' }))
  return { stage, tiles, columns: Math.ceil(Math.sqrt(tiles.length)) || 1 }
}

/** Only where not all have room does it matter who speaks: else tiles stay where they are. */
function inOrder(people: Attendee[]): Attendee[] {
  if (people.length <= TILES_MAX) return people
  const weight = (one: Attendee) => (one.local ? 0 : one.speaking ? 1 : one.camera ? 2 : 3)
  return [...people].sort((a, b) => weight(a) - weight(b))
}
