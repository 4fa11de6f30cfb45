/** Entries of the rail, in order; each shown to posts with its right. The first is where that post's work is. */
import type { Me } from '../api/types'
import type { IconName } from '../ui/icons'
import { may, type Right } from './who'

export interface RailEntry {
  to: string
  icon: IconName
  label:
    | 'desk'
    | 'calls'
    | 'cases'
    | 'inbox'
    | 'supervision'
    | 'dispatch'
    | 'meetings'
    | 'sms'
    | 'wall'
    | 'plans'
    | 'orgs'
    | 'dead_letters'
    | 'accounts'
    | 'audit'
  right: Right | Right[]
  /** Name of a count of `GET /cases/counts` shown as a badge. */
  badge?: string
}

const ENTRIES: RailEntry[] = [
  { to: '/desk', icon: 'desk', label: 'desk', right: 'call.agent' },
  { to: '/inbox', icon: 'inbox', label: 'inbox', right: 'case.handle', badge: 'to_sign' },
  { to: '/cases', icon: 'cases', label: 'cases', right: 'case.read' },
  { to: '/calls', icon: 'calls', label: 'calls', right: 'call.read' },
  {
    to: '/supervision',
    icon: 'supervision',
    label: 'supervision',
    right: 'case.supervise',
    badge: 'supervision',
  },
  { to: '/dispatch', icon: 'dispatch', label: 'dispatch', right: 'dispatch.read' },
  { to: '/meetings', icon: 'meetings', label: 'meetings', right: 'meeting.read' },
  { to: '/sms', icon: 'sms', label: 'sms', right: 'message.read' },
  { to: '/wall/hotline', icon: 'wall', label: 'wall', right: 'call.read' },
  { to: '/plans', icon: 'plans', label: 'plans', right: ['plan.manage', 'call.supervise'] },
  { to: '/orgs', icon: 'orgs', label: 'orgs', right: 'org.read' },
  {
    to: '/accounts',
    icon: 'people',
    label: 'accounts',
    right: ['system.manage', 'security.manage', 'audit.read'],
  },
  { to: '/audit', icon: 'find', label: 'audit', right: 'audit.read' },
  { to: '/dead-letters', icon: 'dead_letters', label: 'dead_letters', right: 'system.manage' },
]

export function railFor(me: Me | undefined): RailEntry[] {
  return ENTRIES.filter((entry) => [entry.right].flat().some((right) => may(me, right)))
}

export function firstPage(me: Me | undefined): string {
  return railFor(me)[0]?.to ?? '/cases'
}
