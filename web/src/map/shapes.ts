/** Outlines as GeoJSON and the box around them. Pure. */
import type { AreaShape, Geometry, Grid, Place } from '../api/ops'

export interface Feature {
  type: 'Feature'
  id?: string
  properties: Record<string, string>
  geometry: Geometry
}

export interface FeatureCollection {
  type: 'FeatureCollection'
  features: Feature[]
}

export type Box = [west: number, south: number, east: number, north: number]

export function areaFeatures(areas: AreaShape[]): FeatureCollection {
  const features = areas.flatMap(({ unit, boundary }) =>
    boundary ? [feature(boundary, { id: unit.id, name: unit.name })] : [],
  )
  return { type: 'FeatureCollection', features }
}

export function gridFeatures(grids: Grid[]): FeatureCollection {
  return {
    type: 'FeatureCollection',
    features: grids.map((grid) => feature(grid.area, { id: grid.id, name: grid.name })),
  }
}

export const oneFeature = (geometry: Geometry | undefined): FeatureCollection => ({
  type: 'FeatureCollection',
  features: geometry ? [feature(geometry, {})] : [],
})

const feature = (geometry: Geometry, properties: Record<string, string>): Feature => ({
  type: 'Feature',
  properties,
  geometry,
})

/** Every corner of a polygon or of several. */
function corners(geometry: Geometry): number[][] {
  const polygons = (
    geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates
  ) as number[][][][]
  return polygons.flat(2)
}

export function boxOf(areas: AreaShape[], places: Place[] = []): Box | null {
  const points = [
    ...areas.flatMap(({ boundary }) => (boundary ? corners(boundary) : [])),
    ...places.map(({ lon, lat }) => [lon, lat]),
  ]
  if (points.length === 0) return null
  const lons = points.map((point) => point[0] ?? 0)
  const lats = points.map((point) => point[1] ?? 0)
  const least = (values: number[]) => values.reduce((a, b) => Math.min(a, b))
  const most = (values: number[]) => values.reduce((a, b) => Math.max(a, b))
  return [least(lons), least(lats), most(lons), most(lats)]
}

/** The box of the largest of an area's pieces: several lie apart. */
export function largestBox(area: AreaShape): Box | null {
  const { boundary } = area
  if (!boundary) return null
  const pieces = (
    boundary.type === 'Polygon' ? [boundary.coordinates] : boundary.coordinates
  ) as number[][][][]
  const boxes = pieces.map((coordinates) =>
    boxOf([{ ...area, boundary: { type: 'Polygon', coordinates: coordinates } }]),
  )
  const size = (box: Box | null) => (box ? (box[2] - box[0]) * (box[3] - box[1]) : 0)
  return boxes.reduce((a, b) => (size(b) > size(a) ? b : a), boxes[0] ?? null)
}

/** Where the name of an area stands: the middle of its largest piece, else its own place. */
export function labelPlace(area: AreaShape): Place | null {
  const box = largestBox(area)
  return box ? { lon: (box[0] + box[2]) / 2, lat: (box[1] + box[3]) / 2 } : area.unit.place
}
