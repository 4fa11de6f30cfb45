/** One command at a time, with what came of it said in words, and the lists it touched asked again. */
import { type QueryKey, useQueryClient } from '@tanstack/react-query'
import { App } from 'antd'
import { useState } from 'react'
import { ApiError } from '../api/client'
import { useText } from '../i18n'
import { problemText } from './problem'

export function useAct(...touched: QueryKey[]) {
  const { message } = App.useApp()
  const { raw } = useText()
  const client = useQueryClient()
  const [busy, setBusy] = useState<string | null>(null)
  const [error, setError] = useState<ApiError | null>(null)
  /** Runs `work` under the name `name` (which button turns); true when it succeeded. */
  const act = async (name: string, work: () => Promise<unknown>, done?: string): Promise<boolean> => {
    setBusy(name)
    setError(null)
    try {
      await work()
      if (done) message.success(done)
      return true
    } catch (failure) {
      const problem = problemText(failure, raw)
      message.error(problem.detail ?? problem.title)
      if (failure instanceof ApiError) setError(failure)
      return false
    } finally {
      setBusy(null)
      for (const queryKey of touched) void client.invalidateQueries({ queryKey })
    }
  }
  return { act, busy, error, clear: () => setError(null) }
}
