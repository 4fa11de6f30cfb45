/** A two-channel WAV as bars to draw and a blob to play. Pure; the parser never throws on foreign bytes. */
export interface Wave {
  /** Per channel, the loudest sample of each slot, 0 to 1. */
  peaks: Float32Array[]
  durationMs: number
}

/** Bars across the player: two pixels each at its usual width. */
export const SLOTS = 240

interface Format {
  channels: number
  rate: number
  bits: number
}

/** Reads 16-bit PCM. `null` for anything else; a file cut short (a call still being written) shows what is there. */
export function readWave(buffer: ArrayBuffer, slots = SLOTS): Wave | null {
  const view = new DataView(buffer)
  if (view.byteLength < 44 || tag(view, 0) !== 'RIFF' || tag(view, 8) !== 'WAVE') return null
  let format: Format | null = null
  for (let at = 12; at + 8 <= view.byteLength; ) {
    const size = view.getUint32(at + 4, true)
    const name = tag(view, at)
    if (name === 'fmt ' && at + 24 <= view.byteLength) format = readFormat(view, at + 8)
    if (name === 'data')
      return format ? peaksOf(view, at + 8, Math.min(size, view.byteLength - at - 8), format, slots) : null
    at += 8 + size + (size % 2)
  }
  return null
}

function tag(view: DataView, at: number): string {
  return String.fromCharCode(
    view.getUint8(at),
    view.getUint8(at + 1),
    view.getUint8(at + 2),
    view.getUint8(at + 3),
  )
}

function readFormat(view: DataView, at: number): Format | null {
  const format = {
    channels: view.getUint16(at + 2, true),
    rate: view.getUint32(at + 4, true),
    bits: view.getUint16(at + 14, true),
  }
  const pcm = view.getUint16(at, true) === 1
  return pcm && format.bits === 16 && format.channels >= 1 && format.channels <= 8 && format.rate > 0
    ? format
    : null
}

function peaksOf(view: DataView, start: number, bytes: number, format: Format, slots: number): Wave {
  const frame = format.channels * 2
  const frames = Math.floor(bytes / frame)
  const peaks = Array.from({ length: format.channels }, () => new Float32Array(slots))
  // Every 4th frame is enough for a picture and keeps a long call under a few milliseconds per minute.
  for (let i = 0; i < frames; i += 4) {
    const slot = Math.min(slots - 1, Math.floor((i / frames) * slots))
    for (let c = 0; c < format.channels; c++) {
      const level = Math.abs(view.getInt16(start + i * frame + c * 2, true)) / 32768
      const row = peaks[c]
      if (row && level > (row[slot] ?? 0)) row[slot] = level
    }
  }
  return { peaks, durationMs: (frames / format.rate) * 1000 }
}
