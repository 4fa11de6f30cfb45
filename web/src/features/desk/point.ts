/** A point as the draft keeps it: `113.66700,34.78600`, degrees east and north. Pure. */
import type { Place } from '../../api/ops'

/** A metre or so: nobody points more finely. */
const DIGITS = 5

export const pointOf = ({ lon, lat }: Place): string => `${lon.toFixed(DIGITS)},${lat.toFixed(DIGITS)}`

/** `null` for what is no point on the earth. */
export function placeOf(point: string): Place | null {
  const found = /^(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?)$/.exec(point)
  const lon = Number(found?.[1])
  const lat = Number(found?.[2])
  if (!found || Math.abs(lon) > 180 || Math.abs(lat) > 90) return null
  return { lon, lat }
}
