/** The map, fetched when a page that has one is there: it weighs more than the rest of the page. */
import { type ComponentProps, lazy, Suspense } from 'react'
import { Loading } from '../ui/States'

const CityMap = lazy(() => import('./CityMap').then((found) => ({ default: found.CityMap })))

export function LazyMap(props: ComponentProps<typeof CityMap>) {
  return (
    <Suspense fallback={<Loading rows={4} />}>
      <CityMap {...props} />
    </Suspense>
  )
}
