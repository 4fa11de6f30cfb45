/** Where drafts are kept: this browser's storage, and the hub. A form without a call has no place there: it stays here. */
import { ApiError, api, take } from '../../api/client'
import type { DraftWorld, IntakeForm } from './intake'

const keyOf = (callId: string | null) => `liandong.draft.${callId ?? 'manual'}`
/** Drafts of this machine older than this are of no use to anyone and hold personal data: they are dropped. */
const LOCAL_KEEP_MS = 3 * 24 * 3_600_000

export function draftWorld(callId: string | null): DraftWorld {
  const key = keyOf(callId)
  return {
    readLocal() {
      try {
        const kept = JSON.parse(localStorage.getItem(key) ?? 'null') as {
          form: Partial<IntakeForm>
          at: number
        } | null
        return kept && Date.now() - kept.at < LOCAL_KEEP_MS ? kept : null
      } catch {
        return null
      }
    },
    writeLocal: (form, at) => localStorage.setItem(key, JSON.stringify({ form, at })),
    clearLocal: () => localStorage.removeItem(key),
    async load() {
      if (callId === null) return null
      try {
        return await take(api.GET('/desk/drafts/{call_id}', { params: { path: { call_id: callId } } }))
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return null
        throw error
      }
    },
    save: async (form) => {
      if (callId === null) return { saved_at: new Date().toISOString() }
      const path = { call_id: callId }
      return take(api.PUT('/desk/drafts/{call_id}', { params: { path }, body: { form: { ...form } } }))
    },
    now: () => Date.now(),
    later(ms, run) {
      const timer = setTimeout(run, ms)
      return () => clearTimeout(timer)
    },
  }
}

/** Called at sign-in time of the page: drops old drafts of this machine. */
export function dropOldDrafts(): void {
  for (const key of Object.keys(localStorage)) {
    if (!key.startsWith('liandong.draft.')) continue
    try {
      const kept = JSON.parse(localStorage.getItem(key) ?? '{}') as { at?: number }
      if (!kept.at || Date.now() - kept.at > LOCAL_KEEP_MS) localStorage.removeItem(key)
    } catch {
      localStorage.removeItem(key)
    }
  }
}
