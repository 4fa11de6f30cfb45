import { expect, it } from 'vitest'
import { passwordFault } from './password'

it.each([
  ['Short1!', 'x', 'too_short'],
  ['alllowercaseletters', 'x', 'weak'],
  ['Good-pass-phrase-1', 'Good-pass-phrase-1', 'same'],
  ['Good-pass-phrase-1', 'x', null],
  ['城市热线热线热线热线热线ab1', 'x', null],
])('%s after %s: %s', (next, old, fault) => expect(passwordFault(next, old)).toBe(fault))
