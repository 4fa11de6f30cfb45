import { describe, expect, it } from 'vitest'
import { classTree, pathTo } from './pickers'

const classes = [
  { code: '01', name: '供水', parent: null },
  { code: '0101', name: '管道爆裂', parent: '01' },
  { code: '09', name: '孤儿', parent: 'gone' },
]

describe('class tree', () => {
  it('nests children, and keeps a class whose parent is not shown', () => {
    expect(classTree(classes)).toEqual([
      { value: '01', label: '供水', children: [{ value: '0101', label: '管道爆裂' }] },
      { value: '09', label: '孤儿' },
    ])
  })
  it('finds the way down', () => expect(pathTo(classes, '0101')).toEqual(['01', '0101']))
  it('survives a circle', () => {
    const circle = [
      { code: 'a', name: 'a', parent: 'b' },
      { code: 'b', name: 'b', parent: 'a' },
    ]
    expect(pathTo(circle, 'a').length).toBeLessThan(20)
  })
})
