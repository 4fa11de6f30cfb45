import { describe, expect, it } from 'vitest'
import { failure, finding, happened, hint } from './speech'

describe('what the checker says, in Chinese', () => {
  it.each([
    ['there is no queue `city_hotlin`', '没有队列 `city_hotlin`'],
    ['there is no table of hours `day`', '没有作息表 `day`'],
    ['`8` is no duration', '`8` 不是时长'],
    ['nothing says what happens when nobody answers', '没有写明：无人接听怎么办'],
    ['a caller could go round here for ever: a → b', '来电可能在此无限循环：a → b'],
  ])('%s', (reason, words) => expect(finding(reason)).toBe(words))
  it('hints', () => expect(hint('did you mean `city_hotline`?')).toBe('是不是 `city_hotline`？'))
  it('the course of a trial', () => {
    expect(happened('waits in city_hotline')).toBe('在 city_hotline 排队')
    expect(failure('c: `answered by a` was expected from 1s to 2s, but it happened at 3s')).toBe(
      'c：应在 1s 至 2s 之间“由 a 接听”，但发生在 3s',
    )
  })
  it('a sentence that it does not know stays as it came', () =>
    expect(finding('something new')).toBe('something new'))
})
