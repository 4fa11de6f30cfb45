import { describe, expect, it } from 'vitest'
import { nameOf } from './keys'

const press = (
  key: string,
  more: Partial<{ ctrlKey: boolean; metaKey: boolean; altKey: boolean; isComposing: boolean }> = {},
) => ({
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  ...more,
})

describe('shortcut names', () => {
  it('function keys work while typing', () => expect(nameOf(press('F6'), true)).toBe('F6'))
  it('single characters do not', () => {
    expect(nameOf(press('/'), true)).toBeNull()
    expect(nameOf(press('/'), false)).toBe('/')
  })
  it('an input method that is composing keeps its keys', () =>
    expect(nameOf(press('F6', { isComposing: true }), true)).toBeNull())
  it('Ctrl and Cmd are the same', () => {
    expect(nameOf(press('k', { ctrlKey: true }), true)).toBe('Ctrl+K')
    expect(nameOf(press('Enter', { metaKey: true }), true)).toBe('Ctrl+Enter')
  })
})
