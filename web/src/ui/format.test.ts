import { describe, expect, it } from 'vitest'
import { percent, phoneNumber, publicNo, shortTime, stopwatch } from './format'

describe('phoneNumber', () => {
  it.each([
    ['13800138000', '138 0013 8000'],
    ['+8613800138000', '138 0013 8000'],
    ['138****8000', '138 **** 8000'],
    ['037167890123', '0371-6789 0123'],
    ['12345', '12345'],
    ['8001', '8001'],
    ['', ''],
  ])('%s → %s', (from, to) => expect(phoneNumber(from)).toBe(to))
})

describe('times', () => {
  it.each([
    [0, '00:00'],
    [205_000, '03:25'],
    [3_805_000, '1:03:25'],
    [-5, '00:00'],
  ])('%d ms → %s', (ms, text) => expect(stopwatch(ms)).toBe(text))
  it('says the day only when it is not today', () => {
    const now = new Date(2026, 10, 24, 12).getTime()
    expect(shortTime(new Date(2026, 10, 24, 10, 5).getTime(), now)).toBe('10:05')
    expect(shortTime(new Date(2026, 10, 3, 10, 5).getTime(), now)).toBe('11-03 10:05')
    expect(shortTime(new Date(2025, 10, 3, 10, 5).getTime(), now)).toBe('2025-11-03 10:05')
    expect(shortTime('nonsense', now)).toBe('')
  })
})

it('reads public numbers 6-3-4', () => expect(publicNo('2611240007318')).toBe('261124 000 7318'))
it('shows no figure without a denominator', () => expect(percent(null)).toBe('—'))
