import { expect, it } from 'vitest'
import { segmentsOf } from './segments'

it.each([
  ['', 0, 'GSM-7'],
  ['a'.repeat(160), 1, 'GSM-7'],
  ['a'.repeat(161), 2, 'GSM-7'],
  ['€'.repeat(81), 2, 'GSM-7'],
  ['水'.repeat(70), 1, 'UCS-2'],
  ['水'.repeat(71), 2, 'UCS-2'],
  ['水'.repeat(135), 3, 'UCS-2'],
  ['𠮷'.repeat(36), 2, 'UCS-2'],
])('%j takes %d', (text, segments, coding) => {
  expect(segmentsOf(text)).toMatchObject({ segments, coding })
})
