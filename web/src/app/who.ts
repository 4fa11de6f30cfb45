/** Who is at this console, and under which post. The hub decides what is allowed; this only hides what would be refused. */
import { useQuery } from '@tanstack/react-query'
import { actingPost } from '../api/client'
import { meQuery } from '../api/queries'
import type { Me, Post } from '../api/types'

/** The hub's actions (`access/rights.rs`). */
export type Right =
  | 'call.agent'
  | 'call.read'
  | 'case.read'
  | 'case.handle'
  | 'case.dispatch'
  | 'case.supervise'
  | (string & {})

export function currentPost(me: Me | undefined): Post | undefined {
  const chosen = actingPost.get()
  return me?.posts.find((post) => post.id === chosen) ?? me?.posts[0]
}

/** Actions that the hub did not tell are assumed: it refuses in its own words. A desk needs an extension. */
export function may(me: Me | undefined, right: Right): boolean {
  if (right === 'call.agent' && me && !me.person.extension) return false
  return !me?.actions || me.actions.includes(right)
}

export function useWho() {
  const { data: me } = useQuery(meQuery)
  return { me, post: currentPost(me), may: (right: Right) => may(me, right) }
}
