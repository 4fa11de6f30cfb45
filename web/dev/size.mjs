// Prints what a browser loads first, per entry and page, from the build's manifest; fails when a budget is passed.
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const DIST = new URL('../dist/', import.meta.url)
const KIB = 1024
/** Budgets in kB (1000 bytes) of gzip: the desk is the figure, the others keep us honest. */
const VIEWS = [
  ['sign-in', ['index.html', 'src/features/signin/SignInPage.tsx'], 380],
  [
    'desk',
    [
      'index.html',
      'src/phone/index.tsx',
      'src/phone/device.ts',
      'node_modules/jssip',
      'src/features/desk/AgentBar.tsx',
      'src/features/desk/DeskPage.tsx',
    ],
    450,
  ],
  ['case page', ['index.html', 'src/features/cases/CasePage.tsx'], 450],
  ['case list', ['index.html', 'src/features/cases/CasesPage.tsx'], 450],
  ['call log', ['index.html', 'src/features/calls/CallsPage.tsx'], 450],
  ['inbox', ['index.html', 'src/features/inbox/InboxPage.tsx'], 450],
  ['wall', ['index.html', 'src/features/wall/HotlineWall.tsx', 'src/chart/Chart.tsx'], 700],
  ['citizen /track', ['track.html'], 90],
]

const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', DIST)))
const weight = (file) => gzipSync(readFileSync(new URL(file, DIST)), { level: 9 }).length

/** All files a chunk needs before it runs: itself, its static imports, their styles. */
function files(key, seen = new Set(), found = new Set()) {
  const chunk = manifest[key]
  if (!chunk || seen.has(key)) return found
  seen.add(key)
  found.add(chunk.file)
  for (const style of chunk.css ?? []) found.add(style)
  for (const next of chunk.imports ?? []) files(next, seen, found)
  return found
}

let failed = false
for (const [name, keys, budget] of VIEWS) {
  const wanted = keys.flatMap((key) =>
    Object.keys(manifest).filter(
      (each) => each === key || (key.startsWith('node_modules') && each.startsWith(key)),
    ),
  )
  const all = new Set(wanted.flatMap((key) => [...files(key)]))
  const bytes = [...all].reduce((sum, file) => sum + weight(file), 0)
  const over = bytes > budget * 1000
  failed ||= over
  console.log(
    `${name.padEnd(16)} ${(bytes / 1000).toFixed(1).padStart(7)} kB gzip  ${(bytes / KIB).toFixed(0).padStart(4)} KiB  ${String(all.size).padStart(3)} files  budget ${budget} kB${over ? '  OVER' : ''}`,
  )
}
process.exit(failed ? 1 : 0)
