/** Microphones and cameras of this machine, a preview of the chosen ones, and how loud the microphone is. */
import { useEffect, useState } from 'react'

export interface Devices {
  /** None before permission was given, or where the page is not opened by HTTPS. */
  stream: MediaStream | null
  microphones: MediaDeviceInfo[]
  cameras: MediaDeviceInfo[]
  fault: 'insecure' | 'refused' | 'none' | null
}

export interface Choice {
  microphone?: string
  camera?: string
}

const NONE: Devices = { stream: null, microphones: [], cameras: [], fault: null }

export function useDevices(choice: Choice): Devices {
  const [devices, setDevices] = useState(NONE)
  const { microphone, camera } = choice
  useEffect(() => {
    let gone = false
    let opened: MediaStream | null = null
    void open({ microphone, camera }).then((found) => {
      opened = found.stream
      if (gone) stop(opened)
      else setDevices(found)
    })
    return () => {
      gone = true
      stop(opened)
    }
  }, [microphone, camera])
  return devices
}

function stop(stream: MediaStream | null): void {
  for (const track of stream?.getTracks() ?? []) track.stop()
}

async function open(choice: Choice): Promise<Devices> {
  if (!navigator.mediaDevices) return { ...NONE, fault: 'insecure' }
  const audio = choice.microphone ? { deviceId: choice.microphone } : true
  const video = choice.camera ? { deviceId: choice.camera } : true
  const tries: MediaStreamConstraints[] = [{ audio, video }, { audio }, { video }]
  let fault: Devices['fault'] = 'none'
  let stream: MediaStream | null = null
  for (const wanted of tries) {
    try {
      stream = await navigator.mediaDevices.getUserMedia(wanted)
      fault = null
      break
    } catch (error) {
      if (error instanceof DOMException && error.name === 'NotAllowedError') fault = 'refused'
    }
  }
  const all = await navigator.mediaDevices.enumerateDevices().catch(() => [])
  const kind = (name: MediaDeviceKind) => all.filter((each) => each.kind === name && each.deviceId)
  return { stream, microphones: kind('audioinput'), cameras: kind('videoinput'), fault }
}

/** Loudness, 0 to 1, some ten times a second: enough for an eye, little for the machine. */
const LEVEL_EVERY_MS = 100

export function useLevel(stream: MediaStream | null): number {
  const [level, setLevel] = useState(0)
  useEffect(() => {
    if (!stream || stream.getAudioTracks().length === 0) return
    const context = new AudioContext()
    const analyser = context.createAnalyser()
    analyser.fftSize = 512
    context.createMediaStreamSource(stream).connect(analyser)
    const samples = new Uint8Array(analyser.fftSize)
    const timer = setInterval(() => {
      analyser.getByteTimeDomainData(samples)
      const peak = samples.reduce((most, each) => Math.max(most, Math.abs(each - 128)), 0)
      setLevel(Math.min(1, peak / 96))
    }, LEVEL_EVERY_MS)
    return () => {
      clearInterval(timer)
      void context.close()
    }
  }, [stream])
  return level
}
