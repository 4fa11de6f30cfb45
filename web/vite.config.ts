// Two entries: the console (index.html) and the citizen's page (track.html, no component library).
// `web/dist` is served by the hub at `/`; `/track` answers with track.html.
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

/** The hub (or `npm run dev:mock`) that answers API, events and SIP during development. */
const hub = process.env.LIANDONG_HUB ?? 'http://127.0.0.1:8090'

export default defineConfig({
  plugins: [react()],
  build: {
    // Chromium 109 is the browser floor: the last for Windows 7 and the age of several domestic browsers.
    target: ['chrome109', 'safari16'],
    manifest: true,
    sourcemap: false,
    rollupOptions: {
      input: { console: 'index.html', track: 'track.html' },
    },
  },
  server: {
    port: 5173,
    proxy: {
      '/api': { target: hub, ws: true },
      '/sip': { target: hub, ws: true },
      '/rtc': { target: hub, ws: true },
    },
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}'],
    restoreMocks: true,
  },
})
