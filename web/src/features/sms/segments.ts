/** How many segments a text takes on the air: GSM 7-bit or UCS-2 (3GPP TS 23.038, 23.040). Pure. */

/** Longest text that the hub takes, in characters. */
export const TEXT_MAX_CHARS = 670

const GSM =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà'
/** These take an escape septet each. */
const GSM_EXTENDED = '^{}\\[~]|€'

export interface Segments {
  chars: number
  coding: 'GSM-7' | 'UCS-2'
  segments: number
}

export function segmentsOf(text: string): Segments {
  const letters = [...text]
  const chars = letters.length
  const plain = letters.every((letter) => GSM.includes(letter) || GSM_EXTENDED.includes(letter))
  if (plain) {
    const septets = chars + letters.filter((letter) => GSM_EXTENDED.includes(letter)).length
    return { chars, coding: 'GSM-7', segments: parts(septets, 160, 153) }
  }
  // Beyond the basic plane a letter takes two units: `length` counts those.
  return { chars, coding: 'UCS-2', segments: parts(text.length, 70, 67) }
}

/** One alone may be longer than those that carry a header for joining. */
function parts(units: number, alone: number, joined: number): number {
  if (units === 0) return 0
  return units <= alone ? 1 : Math.ceil(units / joined)
}
