import { expect, it } from 'vitest'
import type { AreaShape, Geometry, OrgUnit } from '../api/ops'
import { areaFeatures, boxOf, labelPlace } from './shapes'

const unit = (name: string): OrgUnit => ({
  id: name,
  parent: null,
  path: '/',
  code: name,
  kind: 'county',
  name,
  gov_code: null,
  duty_phone: null,
  place: null,
  since: '',
  has_children: false,
})
const square = (x: number, y: number): Geometry => ({
  type: 'Polygon',
  coordinates: [
    [
      [x, y],
      [x + 1, y],
      [x + 1, y + 1],
      [x, y],
    ],
  ],
})
const two: AreaShape[] = [
  { unit: unit('甲'), boundary: square(113, 34) },
  {
    unit: unit('乙'),
    boundary: { type: 'MultiPolygon', coordinates: [square(115, 35).coordinates as number[][][]] },
  },
  { unit: unit('丙'), boundary: null },
]

it('draws what has an outline', () => {
  expect(areaFeatures(two).features.map((each) => each.properties.name)).toEqual(['甲', '乙'])
})

it('finds the box around polygons, several polygons and points', () => {
  expect(boxOf(two, [{ lon: 112, lat: 40 }])).toEqual([112, 34, 116, 40])
  expect(boxOf([])).toBeNull()
})

it('puts a name in the middle where the unit has no place', () => {
  expect(two.map(labelPlace)).toEqual([{ lon: 113.5, lat: 34.5 }, { lon: 115.5, lat: 35.5 }, null])
})
