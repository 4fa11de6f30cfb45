/** The live feed inside React: one feed per signed-in page, and what components may ask of it. */
import { useQueryClient } from '@tanstack/react-query'
import { createContext, type ReactNode, useContext, useEffect, useState, useSyncExternalStore } from 'react'
import type { HubEvent } from '../api/types'
import { type FeedSnapshot, LiveFeed } from './feed'
import { CachePatcher } from './patch'
import { browserWorld } from './world'

const FeedContext = createContext<LiveFeed | null>(null)

export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient()
  const [feed] = useState(() => new LiveFeed(browserWorld))
  useEffect(() => {
    const patcher = new CachePatcher(client, browserWorld.later)
    const stopEvents = feed.onEvent((event) => patcher.see(event))
    const stopGaps = feed.onGap(() => void client.invalidateQueries())
    const retry = () => feed.retryNow()
    addEventListener('online', retry)
    feed.start()
    return () => {
      removeEventListener('online', retry)
      stopEvents()
      stopGaps()
      feed.stop()
    }
  }, [client, feed])
  return <FeedContext.Provider value={feed}>{children}</FeedContext.Provider>
}

function useFeed(): LiveFeed {
  const feed = useContext(FeedContext)
  if (!feed) throw new Error('LiveProvider is missing above this component')
  return feed
}

export function useLiveState(): FeedSnapshot {
  const feed = useFeed()
  return useSyncExternalStore(feed.subscribe, feed.getSnapshot)
}

/** Runs for each record as it comes; `listener` must be stable. */
export function useLiveEvents(listener: (event: HubEvent) => void): void {
  const feed = useFeed()
  useEffect(() => feed.onEvent(listener), [feed, listener])
}
