/** The order of a case's verbs as buttons. The hub says which there are. */
import type { Verb } from '../../api/types'
import type { Text } from '../../i18n'

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

/** Done by one press although a note could be added: hundreds of times a day nobody adds one. */
const AT_ONCE = new Set(['sign', 'accept'])

/** Whether a press asks for more before it acts. */
export function needsForm(verb: Verb): boolean {
  if (verb.danger) return true
  const required = verb.schema.required ?? []
  if (AT_ONCE.has(verb.verb)) return required.length > 0
  return Object.keys(verb.schema.properties ?? {}).length > 0
}

/** The hub names its verbs in Chinese; in English they have a name here. */
export function verbName(verb: Verb, { code, lang }: Pick<Text, 'code' | 'lang'>): string {
  return lang === 'zh' && verb.title ? verb.title : code('verb', verb.verb, verb.title)
}
