/** Public case numbers: YYMMDD + 6 serial + 1 check digit (ISO 7064 MOD 11,10). */

/** Digits of what a citizen typed: spaces, dashes and full-width digits are forgiven. */
export function digitsOf(text: string): string {
  return text.replace(/[０-９]/g, (c) => String.fromCharCode(c.charCodeAt(0) - 0xfee0)).replace(/\D/g, '')
}

export function checkDigitHolds(no: string): boolean {
  if (!/^\d{13}$/.test(no)) return false
  let product = 10
  for (const digit of no.slice(0, 12)) {
    const sum = (Number(digit) + product) % 10 || 10
    product = (sum * 2) % 11
  }
  return (product + Number(no[12])) % 10 === 1
}

/** 6-3-4, as it is read aloud. */
export function grouped(no: string): string {
  return [no.slice(0, 6), no.slice(6, 9), no.slice(9, 13)].filter(Boolean).join(' ')
}
