/** The canvas of a wall and how it fits a screen: scaled as a whole, letterboxed, never stretched. */
export const STAGE = { width: 1920, height: 1080 } as const

/** After this many minutes the picture moves by a few pixels, to spare panels that show it for weeks. */
const SHIFT_EVERY_MS = 5 * 60_000
const SHIFT_PX = 4

export function stageTransform(width: number, height: number, now: number): string {
  const scale = Math.min(width / STAGE.width, height / STAGE.height)
  const turn = Math.floor(now / SHIFT_EVERY_MS) % 4
  const dx = turn === 1 || turn === 2 ? SHIFT_PX : 0
  const dy = turn >= 2 ? SHIFT_PX : 0
  return `translate(${dx}px, ${dy}px) scale(${scale})`
}
