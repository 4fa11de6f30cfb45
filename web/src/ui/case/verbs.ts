/** The order of a case's verbs as buttons. The hub says which there are. */
import type { Verb } from '../../api/types'

/** What moves the case on comes first and is the blue one; pressure and bookkeeping are never. */
const NEVER_FIRST = new Set([
  'urge',
  'supervise',
  'supplement',
  'return_request',
  'void',
  'link',
  'reassign',
  'reopen',
  'request_extension',
  'suspend',
  'withdraw',
  'reclassify',
])

export const movesOn = (verb: Verb) => !NEVER_FIRST.has(verb.verb)

export const movesFirst = (verbs: Verb[]): Verb[] =>
  [...verbs].sort((a, b) => Number(movesOn(b)) - Number(movesOn(a)))
