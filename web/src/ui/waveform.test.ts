import { describe, expect, it } from 'vitest'
import { readWave } from './waveform'

function wav(frames: number, sample: (i: number, channel: number) => number, channels = 2): ArrayBuffer {
  const buffer = new ArrayBuffer(44 + frames * channels * 2)
  const view = new DataView(buffer)
  const put = (at: number, text: string) =>
    [...text].forEach((c, i) => {
      view.setUint8(at + i, c.charCodeAt(0))
    })
  put(0, 'RIFF')
  put(8, 'WAVEfmt ')
  put(36, 'data')
  view.setUint32(16, 16, true)
  view.setUint16(20, 1, true)
  view.setUint16(22, channels, true)
  view.setUint32(24, 8000, true)
  view.setUint16(34, 16, true)
  view.setUint32(40, frames * channels * 2, true)
  for (let i = 0; i < frames; i++)
    for (let c = 0; c < channels; c++) view.setInt16(44 + (i * channels + c) * 2, sample(i, c), true)
  return buffer
}

describe('readWave', () => {
  it('keeps the two channels apart', () => {
    const wave = readWave(
      wav(8000, (i, c) => (c === 0 ? (i < 4000 ? 16384 : 0) : 0)),
      2,
    )
    expect(wave?.durationMs).toBe(1000)
    expect([...(wave?.peaks[0] ?? [])]).toEqual([0.5, 0])
    expect([...(wave?.peaks[1] ?? [])]).toEqual([0, 0])
  })
  it('shows what is there of a file cut short', () => {
    expect(readWave(wav(8000, () => 100).slice(0, 44 + 4000))?.durationMs).toBeCloseTo(125)
  })
  it('refuses what is no WAV, at every length', () => {
    const good = new Uint8Array(wav(100, () => 1))
    for (let n = 0; n < 44; n++) expect(readWave(good.slice(0, n).buffer)).toBeNull()
    let seed = 7
    for (let round = 0; round < 500; round++) {
      const bytes = good.slice()
      for (let k = 0; k < 6; k++) {
        seed = (seed * 1103515245 + 12345) & 0x7fffffff
        bytes[seed % bytes.length] = seed >> 8
      }
      expect(() => readWave(bytes.buffer)).not.toThrow()
    }
  })
})
