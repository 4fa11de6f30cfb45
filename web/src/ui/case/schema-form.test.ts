import { describe, expect, it } from 'vitest'
import { bodyOf, faultsOf, fieldsOf, initialValues } from './schema-form'

const schema = {
  type: 'object' as const,
  required: ['unit_id', 'reason', 'result_code'],
  properties: {
    unit_id: { type: 'string' },
    right_unit_id: { anyOf: [{ type: 'string' }, { type: 'null' }] },
    co_units: { type: 'array', items: { type: 'string' } },
    reason: { type: 'string', minLength: 5, maxLength: 300 },
    result_code: { oneOf: [{ const: 'resolved', title: '已解决' }, { const: 'partly' }] },
    days: { type: ['integer', 'null'], minimum: 1, maximum: 30 },
    satisfied_result: { type: 'integer' },
    until: { type: 'string', format: 'date-time' },
    no: { type: 'string', maxLength: 20 },
    urgent: { type: 'boolean', default: false },
  },
}
const fields = fieldsOf(schema)
const control = (name: string) => fields.find((field) => field.name === name)?.control

describe('a form from a schema', () => {
  it.each([
    ['unit_id', 'unit'],
    ['right_unit_id', 'unit'],
    ['co_units', 'units'],
    ['reason', 'text'],
    ['result_code', 'choice'],
    ['days', 'number'],
    ['satisfied_result', 'score'],
    ['until', 'datetime'],
    ['no', 'line'],
    ['urgent', 'boolean'],
  ])('%s is a %s', (name, kind) => expect(control(name)).toBe(kind))

  it('names what is missing, too short, out of range', () => {
    expect(faultsOf(fields, { reason: '短', days: 31 })).toEqual({
      unit_id: { kind: 'missing' },
      result_code: { kind: 'missing' },
      reason: { kind: 'short', n: 5 },
      days: { kind: 'range', min: 1, max: 30 },
    })
  })

  it('sends what was filled in, trimmed, times with zone', () => {
    const values = {
      ...initialValues(fields),
      unit_id: 'u1',
      reason: '  依据第 118 条  ',
      co_units: [],
      until: '2026-11-24T10:00',
    }
    expect(bodyOf(fields, values)).toEqual({
      unit_id: 'u1',
      reason: '依据第 118 条',
      urgent: false,
      until: new Date('2026-11-24T10:00').toISOString(),
    })
  })

  it('reads what the hub’s schema generator writes', () => {
    const generated = {
      type: 'object' as const,
      required: ['solved', 'answer_text'],
      properties: {
        solved: { $ref: '#/$defs/SolvedText', description: '是否解决.' },
        answer_text: { type: 'string', description: '答复内容.' },
        satisfied_result: {
          type: ['integer', 'null'],
          format: 'uint8',
          minimum: 1,
          maximum: 5,
          default: null,
        },
        channel: { anyOf: [{ $ref: '#/$defs/Channel' }, { type: 'null' }], default: null },
        attachments: { type: 'array', items: { $ref: '#/$defs/Attachment' }, default: [] },
        place: { anyOf: [{ $ref: '#/$defs/Place' }, { type: 'null' }] },
        requester: { anyOf: [{ $ref: '#/$defs/Requester' }, { type: 'null' }] },
      },
      $defs: {
        SolvedText: { anyOf: [{ $ref: '#/$defs/Solved' }, { type: 'boolean' }] },
        Solved: {
          oneOf: [
            { const: 'yes', type: 'string', description: '已解决' },
            { const: 'no', type: 'string', description: '未解决' },
          ],
        },
        Channel: { oneOf: [{ const: 'sms', type: 'string' }] },
        Attachment: { type: 'object' },
        Place: { type: 'object' },
        Requester: { type: 'object' },
      },
    }
    const made = fieldsOf(generated)
    expect(made.map((field) => [field.name, field.control])).toEqual([
      ['solved', 'choice'],
      ['answer_text', 'text'],
      ['satisfied_result', 'score'],
      ['channel', 'choice'],
      ['place', 'place'],
    ])
    expect(made[0]?.choices).toEqual([
      { value: 'yes', label: '已解决' },
      { value: 'no', label: '未解决' },
    ])
    expect(bodyOf(made, { ...initialValues(made), solved: 'yes', place: ' 农业路 ' })).toEqual({
      solved: 'yes',
      place: { text: '农业路' },
    })
  })

  it('an empty schema is an empty form', () => expect(fieldsOf({})).toEqual([]))
})
