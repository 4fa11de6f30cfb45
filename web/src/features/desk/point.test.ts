import { describe, expect, it } from 'vitest'
import { placeOf, pointOf } from './point'

describe('a point in a draft', () => {
  it('comes back as it went in', () => {
    expect(placeOf(pointOf({ lon: 113.667, lat: 34.786 }))).toEqual({ lon: 113.667, lat: 34.786 })
  })
  it.each(['', '113.667', '200,10', 'a,b', '1,2,3'])('%s is none', (text) => expect(placeOf(text)).toBeNull())
})
