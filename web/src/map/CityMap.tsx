/**
 * The city on a plain ground: outlines and grids of our own, marks of what moves on it. No tiles, no fonts,
 * nothing from outside. Shape says what it is, colour its state; every mark is a button with a name, and the
 * page beside it lists the same. Knows no order and no responder.
 */
import { type GeoJSONSource, Map as GlMap, LngLatBounds, Marker, NavigationControl } from 'maplibre-gl'
import 'maplibre-gl/dist/maplibre-gl.css'
import { useEffect, useMemo, useRef, useState } from 'react'
import type { AreaShape, Geometry, Grid, Place } from '../api/ops'
import { useText } from '../i18n'
import { StateBlock } from '../ui/States'
import css from './map.module.css'
import type { Mark } from './marks'
import { areaFeatures, boxOf, gridFeatures, labelPlace, largestBox, oneFeature } from './shapes'

interface MapProps {
  areas: AreaShape[]
  grids: Grid[]
  marks: Mark[]
  chosen: string | null
  choose: (id: string) => void
  /** The place that is being chosen for something. */
  pin?: Place | null
  pick?: (place: Place) => void
  /** Where the map looks at next. */
  look?: Place | null
  /** What the map shows at first, where that is less than all areas. */
  first?: Place[]
  /** Shows all areas again, each time that the number changes. */
  whole?: number
  /** An area that stands out. */
  highlight?: Geometry
  /** Names the map for a screen reader; by default as the panel around it. */
  label?: string
}

/** Below this the grids of a whole county are one grey spot. */
const GRIDS_FROM_ZOOM = 10.5
/** A street fills the screen: deeper there is nothing of ours to see. */
const ZOOM_MAX = 16
const LOOK_ZOOM = 12.5
/** The view before anything was shown. */
const FAR_ZOOM = 6
/** From here on marks stand apart enough to carry their names. */
const NAMES_FROM_ZOOM = 10.5
/** Width of a character of an area's name. */
const LABEL_PX = 12

/** The first view shows a few streets around what it is about. */
const FIRST_MAX_ZOOM = 12.5

const COLOURS = {
  ground: '#eef1f4',
  area: '#fff',
  line: '#7e8a98',
  grid: '#c9d1da',
  own: '#1a5aa8',
}

export function CityMap(props: MapProps) {
  const { t } = useText()
  const holder = useRef<HTMLDivElement>(null)
  const { map, failed } = useMap(holder, props.pick)
  useSource(
    map,
    'areas',
    useMemo(() => areaFeatures(props.areas), [props.areas]),
  )
  useSource(
    map,
    'grids',
    useMemo(() => gridFeatures(props.grids), [props.grids]),
  )
  useSource(
    map,
    'own',
    useMemo(() => oneFeature(props.highlight), [props.highlight]),
  )
  useFit(map, props.areas, props.first)
  useWhole(map, props.areas, props.whole)
  useLook(map, props.look)
  useLabels(map, props.areas)
  useMarks(map, props.marks, props.chosen, props.choose)
  usePin(map, props.pin)
  if (failed) {
    return (
      <div className={css.holder}>
        <StateBlock icon="dispatch" title={t('dispatch.map.failed')}>
          <span>{t('dispatch.map.failed_hint')}</span>
        </StateBlock>
      </div>
    )
  }
  return (
    <div
      ref={holder}
      className={css.holder}
      role="group"
      aria-label={props.label ?? t('dispatch.map.title')}
    />
  )
}

function useMap(holder: React.RefObject<HTMLDivElement | null>, pick?: (place: Place) => void) {
  const [map, setMap] = useState<GlMap | null>(null)
  const [failed, setFailed] = useState(false)
  const latest = useRef(pick)
  latest.current = pick
  useEffect(() => {
    if (!holder.current) return
    let made: GlMap
    try {
      made = newMap(holder.current)
    } catch {
      // No WebGL on this machine: the list beside the map says the same.
      setFailed(true)
      return
    }
    made.on('load', () => setMap(made))
    const near = () => made.getContainer().toggleAttribute('data-near', made.getZoom() >= NAMES_FROM_ZOOM)
    made.on('zoom', near)
    made.on('click', (event) => latest.current?.({ lon: event.lngLat.lng, lat: event.lngLat.lat }))
    return () => {
      setMap(null)
      made.remove()
    }
  }, [holder])
  return { map, failed }
}

function newMap(container: HTMLElement): GlMap {
  const empty = { type: 'FeatureCollection' as const, features: [] }
  const map = new GlMap({
    container,
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
    maxZoom: ZOOM_MAX,
    center: [104, 35],
    zoom: 3,
    style: {
      version: 8,
      sources: {
        areas: { type: 'geojson', data: empty },
        grids: { type: 'geojson', data: empty },
        own: { type: 'geojson', data: empty },
      },
      layers: [
        { id: 'ground', type: 'background', paint: { 'background-color': COLOURS.ground } },
        { id: 'areas', type: 'fill', source: 'areas', paint: { 'fill-color': COLOURS.area } },
        {
          id: 'fields',
          type: 'fill',
          source: 'grids',
          minzoom: GRIDS_FROM_ZOOM,
          paint: { 'fill-color': COLOURS.area },
        },
        { id: 'own', type: 'fill', source: 'own', paint: { 'fill-color': COLOURS.own, 'fill-opacity': 0.1 } },
        {
          id: 'grids',
          type: 'line',
          source: 'grids',
          minzoom: GRIDS_FROM_ZOOM,
          paint: { 'line-color': COLOURS.grid, 'line-width': 1 },
        },
        {
          id: 'outlines',
          type: 'line',
          source: 'areas',
          paint: { 'line-color': COLOURS.line, 'line-width': 1.2 },
        },
        {
          id: 'own-line',
          type: 'line',
          source: 'own',
          paint: { 'line-color': COLOURS.own, 'line-width': 1.6, 'line-dasharray': [3, 2] },
        },
      ],
    },
  })
  map.touchZoomRotate.disableRotation()
  map.addControl(new NavigationControl({ showCompass: false }), 'bottom-right')
  return map
}

function useSource(map: GlMap | null, id: string, data: unknown) {
  useEffect(() => {
    const source = map?.getSource<GeoJSONSource>(id)
    source?.setData(data as Parameters<GeoJSONSource['setData']>[0])
  }, [map, id, data])
}

/** Once the outlines are there the first view is shown; afterwards the view is the viewer's. */
function useFit(map: GlMap | null, areas: AreaShape[], first: Place[] = []) {
  const done = useRef(false)
  useEffect(() => {
    const whole = boxOf(areas)
    if (!map || !whole || done.current) return
    done.current = true
    const part = first.length > 0 ? boxOf([], first) : null
    const box = part ?? whole
    map.fitBounds(new LngLatBounds([box[0], box[1]], [box[2], box[3]]), {
      padding: part ? 80 : 24,
      maxZoom: FIRST_MAX_ZOOM,
      animate: false,
    })
  }, [map, areas, first])
}

function useWhole(map: GlMap | null, areas: AreaShape[], whole: number | undefined) {
  const shown = useRef(whole)
  useEffect(() => {
    const box = boxOf(areas)
    if (!map || !box || shown.current === whole) return
    shown.current = whole
    map.fitBounds(new LngLatBounds([box[0], box[1]], [box[2], box[3]]), { padding: 24, duration: 200 })
  }, [map, areas, whole])
}

function useLook(map: GlMap | null, look: Place | null | undefined) {
  const lon = look?.lon
  const lat = look?.lat
  useEffect(() => {
    if (!map || lon === undefined || lat === undefined) return
    // From far away one jumps: a flight over half the country explains nothing.
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches || map.getZoom() < FAR_ZOOM
    map.easeTo({
      center: [lon, lat],
      zoom: Math.max(map.getZoom(), LOOK_ZOOM),
      duration: still ? 0 : 200,
    })
  }, [map, lon, lat])
}

function useLabels(map: GlMap | null, areas: AreaShape[]) {
  useEffect(() => {
    if (!map) return
    const labels = areas.flatMap((area) => {
      const place = labelPlace(area)
      if (!place) return []
      const element = document.createElement('span')
      element.className = css.label ?? ''
      element.textContent = area.unit.name
      element.setAttribute('aria-label', area.unit.name)
      const marker = new Marker({ element }).setLngLat([place.lon, place.lat]).addTo(map)
      return [{ element, marker, box: largestBox(area) }]
    })
    // A name wider than its area would lie over its neighbours': it comes when one looks closer.
    const arrange = () => {
      for (const { element, box } of labels) {
        if (!box) continue
        const width = map.project([box[2], box[1]]).x - map.project([box[0], box[1]]).x
        element.hidden = width < (element.textContent?.length ?? 0) * LABEL_PX
      }
    }
    arrange()
    map.on('zoom', arrange)
    return () => {
      map.off('zoom', arrange)
      for (const { marker } of labels) marker.remove()
    }
  }, [map, areas])
}

function useMarks(map: GlMap | null, marks: Mark[], chosen: string | null, choose: (id: string) => void) {
  const latest = useRef(choose)
  latest.current = choose
  useEffect(() => {
    if (!map) return
    const shown = marks.map((mark) => {
      const element = markElement(mark, mark.id === chosen)
      element.addEventListener('click', (event) => {
        event.stopPropagation()
        latest.current(mark.id)
      })
      return new Marker({ element }).setLngLat([mark.place.lon, mark.place.lat]).addTo(map)
    })
    return () => {
      for (const mark of shown) mark.remove()
    }
  }, [map, marks, chosen])
}

function markElement(mark: Mark, on: boolean): HTMLElement {
  const element = document.createElement('button')
  element.type = 'button'
  element.className = css.mark ?? ''
  element.title = mark.title
  element.setAttribute('aria-label', mark.title)
  element.dataset.tone = mark.tone
  element.dataset.shape = mark.shape
  if (mark.ring) element.dataset.ring = ''
  if (on) element.setAttribute('aria-current', 'true')
  const dot = document.createElement('i')
  const label = document.createElement('span')
  label.textContent = mark.label
  element.append(dot, label)
  return element
}

function usePin(map: GlMap | null, pin: Place | null | undefined) {
  const lon = pin?.lon
  const lat = pin?.lat
  useEffect(() => {
    if (!map || lon === undefined || lat === undefined) return
    const marker = new Marker({ color: '#b8282e' }).setLngLat([lon, lat]).addTo(map)
    return () => {
      marker.remove()
    }
  }, [map, lon, lat])
}
