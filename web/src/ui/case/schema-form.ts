/**
 * A form from the JSON schema of a verb's body: which control, what is missing, what is sent.
 * Pure. Understands what schema generators write: nullable types, `anyOf` with null, `oneOf` of constants.
 */
import { resolveSchema } from '../../api/read'
import type { BodySchema, FieldSchema } from '../../api/types'

export type Control =
  | 'place'
  | 'choice'
  | 'score'
  | 'number'
  | 'boolean'
  | 'unit'
  | 'units'
  | 'class'
  | 'datetime'
  | 'date'
  | 'line'
  | 'text'

export interface FormField {
  name: string
  control: Control
  required: boolean
  title?: string
  description?: string
  choices: { value: string | number; label?: string }[]
  min?: number
  max?: number
  minLength: number
  maxLength: number
  initial: unknown
}

export type Values = Record<string, unknown>
export type Fault =
  | { kind: 'missing' }
  | { kind: 'short' | 'long'; n: number }
  | { kind: 'range'; min: number; max: number }

/** A text without a stated limit still has one: the hub's longest text is the narrative. */
const TEXT_MAX_CHARS = 4000
/** From this length on a text gets several lines. */
const LINE_MAX_CHARS = 100

export function fieldsOf(schema: BodySchema): FormField[] {
  const required = new Set(schema.required ?? [])
  return Object.entries(schema.properties ?? {}).flatMap(([name, raw]) => {
    const field = toField(name, plain(raw, schema), required.has(name))
    return field ? [field] : []
  })
}

function toField(name: string, field: FieldSchema, required: boolean): FormField | null {
  const choices = choicesOf(field)
  const control = controlOf(name, field, choices.length > 0)
  if (control === null) return null
  return {
    name,
    control,
    required,
    title: field.title,
    description: field.description,
    choices,
    min: field.minimum,
    max: field.maximum,
    minLength: field.minLength ?? 0,
    maxLength: field.maxLength ?? TEXT_MAX_CHARS,
    initial: field.default === null || Array.isArray(field.default) ? undefined : field.default,
  }
}

/** Without references and without its null branch: an optional field is left out, not sent as null. */
function plain(raw: FieldSchema, root: BodySchema): FieldSchema {
  const field = resolveSchema(raw, root)
  const branches = (field.anyOf ?? field.oneOf ?? [])
    .map((each) => resolveSchema(each, root))
    .filter((each) => typeOf(each) !== 'null')
  if (branches.some((each) => each.const !== undefined))
    return { ...field, oneOf: branches, anyOf: undefined }
  // Of several forms the one with named choices asks most clearly.
  const chosen = branches.find((each) => choicesOf(each).length > 0) ?? branches[0]
  if (!chosen) return field
  return {
    ...chosen,
    title: field.title ?? chosen.title,
    description: field.description ?? chosen.description,
    default: field.default,
  }
}

function typeOf(field: FieldSchema): string | undefined {
  return Array.isArray(field.type) ? field.type.find((each) => each !== 'null') : field.type
}

function choicesOf(field: FieldSchema): FormField['choices'] {
  const constants = (field.oneOf ?? field.anyOf ?? []).filter(
    (each) => typeof each.const === 'string' || typeof each.const === 'number',
  )
  if (constants.length > 0)
    return constants.map((each) => ({
      value: each.const as string | number,
      label: each.title ?? each.description,
    }))
  return (field.enum ?? [])
    .filter((value) => value !== null)
    .map((value, i) => ({ value, label: field['x-enum-names']?.[i] }))
}

function controlOf(name: string, field: FieldSchema, hasChoices: boolean): Control | null {
  const type = typeOf(field)
  if (hasChoices) return 'choice'
  if (field.format === 'score' || /^satisfied_/.test(name)) return 'score'
  if (type === 'array') return /units$/.test(name) || field.items?.format === 'unit' ? 'units' : null
  // Other objects (files, people) have pages of their own; a place is asked as a line.
  if (type === 'object') return name === 'place' ? 'place' : null
  if (field.format === 'unit' || /(^|_)unit_id$/.test(name)) return 'unit'
  if (name === 'class_code') return 'class'
  if (type === 'boolean') return 'boolean'
  if (type === 'integer' || type === 'number') return 'number'
  if (field.format === 'date-time') return 'datetime'
  if (field.format === 'date') return 'date'
  const long = field.format === 'textarea' || (field.maxLength ?? TEXT_MAX_CHARS) > LINE_MAX_CHARS
  return long ? 'text' : 'line'
}

export function initialValues(fields: FormField[]): Values {
  return Object.fromEntries(
    fields.filter((field) => field.initial !== undefined).map((field) => [field.name, field.initial]),
  )
}

export function faultOf(field: FormField, value: unknown): Fault | null {
  if (isBlank(value)) return field.required ? { kind: 'missing' } : null
  if (typeof value === 'string') {
    const length = [...value.trim()].length
    if (length < field.minLength) return { kind: 'short', n: field.minLength }
    if (length > field.maxLength) return { kind: 'long', n: field.maxLength }
  }
  if (
    typeof value === 'number' &&
    (value < (field.min ?? Number.NEGATIVE_INFINITY) || value > (field.max ?? Number.POSITIVE_INFINITY))
  ) {
    return { kind: 'range', min: field.min ?? 0, max: field.max ?? value }
  }
  return null
}

export function faultsOf(fields: FormField[], values: Values): Record<string, Fault> {
  const found = fields.map((field) => [field.name, faultOf(field, values[field.name])] as const)
  return Object.fromEntries(found.filter((each): each is [string, Fault] => each[1] !== null))
}

/** What is sent: blanks left out, texts trimmed, local times with their zone. */
export function bodyOf(fields: FormField[], values: Values): Record<string, unknown> {
  const body: Record<string, unknown> = {}
  for (const field of fields) {
    const value = values[field.name]
    if (isBlank(value)) continue
    body[field.name] = sent(field, value)
  }
  return body
}

function sent(field: FormField, value: unknown): unknown {
  if (field.control === 'datetime') return new Date(String(value)).toISOString()
  if (field.control === 'place') return { text: String(value).trim() }
  return typeof value === 'string' ? value.trim() : value
}

function isBlank(value: unknown): boolean {
  return (
    value === undefined ||
    value === null ||
    (typeof value === 'string' && value.trim() === '') ||
    (Array.isArray(value) && value.length === 0)
  )
}
