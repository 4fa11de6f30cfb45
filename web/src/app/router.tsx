/**
 * All routes on one page. Pages are loaded when they are opened.
 * A new page: its route here, its entry in rail.ts, its texts in i18n/areas.
 */
import { QueryCache, QueryClient } from '@tanstack/react-query'
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from '@tanstack/react-router'
import { ApiError, actingPost } from '../api/client'
import { meQuery } from '../api/queries'
import { accountSearch } from '../features/accounts/search'
import { auditSearch } from '../features/audit/search'
import { callSearch } from '../features/calls/search'
import { caseSearch } from '../features/cases/search'
import { dispatchSearch } from '../features/dispatch/search'
import { inboxSearch } from '../features/inbox/search'
import { meetingSearch } from '../features/meetings/search'
import { orgSearch } from '../features/orgs/search'
import { smsSearch } from '../features/sms/search'
import { supervisionSearch } from '../features/supervision/search'
import { Crashed, NotFound } from './Fallbacks'
import { firstPage } from './rail'
import { Shell } from './Shell'

/** A refusal will not change by asking again; only an unreached or overloaded hub is asked once more. */
const mayPass = (error: unknown) => !(error instanceof ApiError) || error.status === 0 || error.status >= 500

export const queryClient = new QueryClient({
  // The session has ended while a page was open: to the sign-in, and back to where one was.
  queryCache: new QueryCache({
    onError: (error) => error instanceof ApiError && error.status === 401 && toSignIn(),
  }),
  defaultOptions: {
    queries: {
      retry: (count, error) => count < 1 && mayPass(error),
      // Live events keep answers fresh; a page that is opened again still asks.
      staleTime: 5_000,
      refetchOnWindowFocus: false,
    },
  },
})

/** Refusals of a session that has not come all the way: the rest of it is on the sign-in page. */
const UNFINISHED = new Set(['session.password_change_required', 'session.totp_enrolment_required'])

function toSignIn(): void {
  const at = router.state.location
  if (at.pathname !== '/sign-in') void router.navigate({ to: '/sign-in', search: { next: at.href } })
}

/** Who is here. A post that was taken away since must not lock its person out of his others. */
async function whoIsHere() {
  try {
    return await queryClient.ensureQueryData(meQuery)
  } catch (error) {
    if (
      !(error instanceof ApiError) ||
      error.status === 401 ||
      error.status === 0 ||
      UNFINISHED.has(error.code) ||
      !actingPost.get()
    )
      throw error
    actingPost.set(null)
    return queryClient.ensureQueryData(meQuery)
  }
}

const root = createRootRoute({ notFoundComponent: NotFound, errorComponent: Crashed })

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: (search: Record<string, unknown>): { next?: string } => ({
    // Only paths of our own: an address must not send a freshly signed-in person elsewhere.
    next: typeof search.next === 'string' && /^\/(?![/\\])/.test(search.next) ? search.next : undefined,
  }),
  component: lazyRouteComponent(() => import('../features/signin/SignInPage'), 'SignInPage'),
})

const signedIn = createRoute({
  getParentRoute: () => root,
  id: 'signed-in',
  beforeLoad: async ({ location }) => {
    try {
      await whoIsHere()
    } catch (error) {
      if (error instanceof ApiError && (error.status === 401 || UNFINISHED.has(error.code))) {
        throw redirect({
          to: '/sign-in',
          search: { next: location.href === '/' ? undefined : location.href },
        })
      }
      throw error
    }
  },
})

const shell = createRoute({ getParentRoute: () => signedIn, id: 'shell', component: Shell })

const home = createRoute({
  getParentRoute: () => signedIn,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: firstPage(queryClient.getQueryData(meQuery.queryKey)) })
  },
})

const desk = createRoute({
  getParentRoute: () => shell,
  path: '/desk',
  component: lazyRouteComponent(() => import('../features/desk/DeskPage'), 'DeskPage'),
})

const calls = createRoute({
  getParentRoute: () => shell,
  path: '/calls',
  validateSearch: callSearch,
  component: lazyRouteComponent(() => import('../features/calls/CallsPage'), 'CallsPage'),
})

const cases = createRoute({
  getParentRoute: () => shell,
  path: '/cases',
  validateSearch: caseSearch,
  component: lazyRouteComponent(() => import('../features/cases/CasesPage'), 'CasesPage'),
})

const oneCase = createRoute({
  getParentRoute: () => shell,
  path: '/cases/$id',
  component: lazyRouteComponent(() => import('../features/cases/CasePage'), 'CasePage'),
})

const inbox = createRoute({
  getParentRoute: () => shell,
  path: '/inbox',
  validateSearch: inboxSearch,
  component: lazyRouteComponent(() => import('../features/inbox/InboxPage'), 'InboxPage'),
})

const supervision = createRoute({
  getParentRoute: () => shell,
  path: '/supervision',
  validateSearch: supervisionSearch,
  component: lazyRouteComponent(() => import('../features/supervision/SupervisionPage'), 'SupervisionPage'),
})

const dispatch = createRoute({
  getParentRoute: () => shell,
  path: '/dispatch',
  validateSearch: dispatchSearch,
  component: lazyRouteComponent(() => import('../features/dispatch/DispatchPage'), 'DispatchPage'),
})

const meetings = createRoute({
  getParentRoute: () => shell,
  path: '/meetings',
  validateSearch: meetingSearch,
  component: lazyRouteComponent(() => import('../features/meetings/MeetingsPage'), 'MeetingsPage'),
})

/** A meeting fills the screen; a guest has no account. */
const meetingRoom = createRoute({
  getParentRoute: () => signedIn,
  path: '/meeting/$id',
  component: lazyRouteComponent(() => import('../features/meetings/RoomPage'), 'RoomPage'),
})

const guestPage = lazyRouteComponent(() => import('../features/meetings/GuestPage'), 'GuestPage')
const guest = createRoute({ getParentRoute: () => root, path: '/meet', component: guestPage })
const guestByPath = createRoute({ getParentRoute: () => root, path: '/m/$token', component: guestPage })

const sms = createRoute({
  getParentRoute: () => shell,
  path: '/sms',
  validateSearch: smsSearch,
  component: lazyRouteComponent(() => import('../features/sms/SmsPage'), 'SmsPage'),
})

const sandbox = createRoute({
  getParentRoute: () => shell,
  path: '/sms/sandbox',
  component: lazyRouteComponent(() => import('../features/sms/SandboxPage'), 'SandboxPage'),
})

const orgs = createRoute({
  getParentRoute: () => shell,
  path: '/orgs',
  validateSearch: orgSearch,
  component: lazyRouteComponent(() => import('../features/orgs/OrgsPage'), 'OrgsPage'),
})

const accounts = createRoute({
  getParentRoute: () => shell,
  path: '/accounts',
  validateSearch: accountSearch,
  component: lazyRouteComponent(() => import('../features/accounts/AccountsPage'), 'AccountsPage'),
})

const audit = createRoute({
  getParentRoute: () => shell,
  path: '/audit',
  validateSearch: auditSearch,
  component: lazyRouteComponent(() => import('../features/audit/AuditPage'), 'AuditPage'),
})

const plans = createRoute({
  getParentRoute: () => shell,
  path: '/plans',
  component: lazyRouteComponent(() => import('../features/plans/PlansPage'), 'PlansPage'),
})

const deadLetters = createRoute({
  getParentRoute: () => shell,
  path: '/dead-letters',
  component: lazyRouteComponent(() => import('../features/deadletters/DeadLettersPage'), 'DeadLettersPage'),
})

/** Walls stand outside the shell: a dark stage of their own. */
const hotlineWall = createRoute({
  getParentRoute: () => signedIn,
  path: '/wall/hotline',
  component: lazyRouteComponent(() => import('../features/wall/HotlineWall'), 'HotlineWall'),
})

const routeTree = root.addChildren([
  signIn,
  guest,
  guestByPath,
  signedIn.addChildren([
    home,
    meetingRoom,
    hotlineWall,
    shell.addChildren([
      desk,
      calls,
      cases,
      oneCase,
      inbox,
      supervision,
      dispatch,
      meetings,
      sms,
      sandbox,
      orgs,
      accounts,
      audit,
      plans,
      deadLetters,
    ]),
  ]),
])

export const router = createRouter({
  routeTree,
  defaultPreload: 'intent',
  defaultErrorComponent: Crashed,
  // Pages are small pieces on the same network: show the old page until the new one is there.
  defaultPendingMs: 400,
  scrollRestoration: false,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
