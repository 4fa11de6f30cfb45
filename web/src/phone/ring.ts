/** The ring: two soft tones made here, so that no sound file is needed. Browsers allow it after the first click. */
const TONES_HZ = [440, 480]
const ON_S = 1
const CYCLE_S = 4
/** Loud enough for a headset, below speech. */
const LEVEL = 0.08

let context: AudioContext | null = null
let timer: ReturnType<typeof setInterval> | undefined

export function ring(on: boolean): void {
  clearInterval(timer)
  timer = undefined
  if (!on) {
    void context?.close()
    context = null
    return
  }
  if (typeof AudioContext !== 'function') return
  context ??= new AudioContext()
  burst()
  timer = setInterval(burst, CYCLE_S * 1000)
}

function burst(): void {
  if (!context) return
  const gain = context.createGain()
  gain.gain.setValueAtTime(0, context.currentTime)
  gain.gain.linearRampToValueAtTime(LEVEL, context.currentTime + 0.03)
  gain.gain.setValueAtTime(LEVEL, context.currentTime + ON_S - 0.05)
  gain.gain.linearRampToValueAtTime(0, context.currentTime + ON_S)
  gain.connect(context.destination)
  for (const hz of TONES_HZ) {
    const tone = context.createOscillator()
    tone.frequency.value = hz
    tone.connect(gain)
    tone.start()
    tone.stop(context.currentTime + ON_S)
  }
}
