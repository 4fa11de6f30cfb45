/**
 * The arrows of the console, kept by reading imports (ui.md §5):
 * app → features → {phone, meeting, map, chart} → ui → {live, api, i18n, theme}; features never import each other.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { expect, it } from 'vitest'

const SRC = resolve(import.meta.dirname, '..')
/** What each folder may import, itself always. `app` and `main` may import everything. */
const MAY: Record<string, string[]> = {
  features: ['phone', 'meeting', 'map', 'chart', 'live', 'ui', 'api', 'i18n', 'theme'],
  phone: ['live', 'ui', 'api', 'i18n'],
  meeting: ['live', 'ui', 'api', 'i18n', 'theme'],
  map: ['ui', 'api', 'i18n', 'theme'],
  chart: ['ui', 'i18n', 'theme'],
  live: ['api', 'ui'],
  ui: ['api', 'i18n', 'theme'],
  api: [],
  i18n: [],
  theme: [],
  track: ['theme'],
}

interface Import {
  from: string
  to: string
}

function sources(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name)
    if (entry.isDirectory()) return sources(path)
    return /\.tsx?$/.test(entry.name) ? [path] : []
  })
}

function imports(): Import[] {
  return sources(SRC).flatMap((file) => {
    const text = readFileSync(file, 'utf8')
    return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((found) => ({
      from: relative(SRC, file),
      to: relative(SRC, resolve(dirname(file), found[1] ?? '')),
    }))
  })
}

const area = (path: string) => path.split(sep)[0] ?? ''
const feature = (path: string) => path.split(sep).slice(0, 2).join(sep)

it('every folder imports only what lies below it', () => {
  const wrong = imports().filter(({ from, to }) => {
    const allowed = MAY[area(from)]
    return allowed !== undefined && area(to) !== area(from) && !allowed.includes(area(to))
  })
  expect(wrong).toEqual([])
})

it('features never import each other', () => {
  const wrong = imports().filter(
    ({ from, to }) => area(from) === 'features' && area(to) === 'features' && feature(from) !== feature(to),
  )
  expect(wrong).toEqual([])
})

it('only the device wraps JsSIP, only the room wraps livekit-client, only api reads the schema', () => {
  const wrong = sources(SRC).filter((file) => {
    const path = relative(SRC, file)
    const text = readFileSync(file, 'utf8')
    const jssip = /(?:from|import\()\s*'jssip/.test(text) && path !== join('phone', 'device.ts')
    const livekit = /(?:from|import\()\s*'livekit-client/.test(text) && area(path) !== 'meeting'
    const schema = /from\s*'[^']*api\/schema'/.test(text)
    return jssip || livekit || schema
  })
  expect(wrong.map((file) => relative(SRC, file))).toEqual([])
})
