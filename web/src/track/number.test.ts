import { describe, expect, it } from 'vitest'
import { checkDigitHolds, digitsOf, grouped } from './number'

describe('public numbers', () => {
  it('forgives spaces, dashes and full-width digits', () =>
    expect(digitsOf(' ２61124-000 7318 ')).toBe('2611240007318'))
  it('is grouped 6-3-4, also half typed', () => {
    expect(grouped('2611240007318')).toBe('261124 000 7318')
    expect(grouped('2611240')).toBe('261124 0')
  })
  it('a single wrong digit or a swap of neighbours is noticed', () => {
    const good = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']
      .map((c) => `261124000731${c}`)
      .filter(checkDigitHolds)
    expect(good).toHaveLength(1)
    const no = good[0] ?? ''
    for (let i = 0; i < 13; i++) {
      for (let d = 1; d < 10; d++) {
        const wrong = no.slice(0, i) + ((Number(no[i]) + d) % 10) + no.slice(i + 1)
        expect(checkDigitHolds(wrong)).toBe(false)
      }
    }
  })
  it('agrees with the published example of MOD 11,10 (ISO 7064): 0794 → 5', () => {
    let product = 10
    for (const digit of '0794') product = (((Number(digit) + product) % 10 || 10) * 2) % 11
    expect((11 - product) % 10).toBe(5)
  })
})
