/** The commands of a running call: asked of the hub; the screen shows what the hub then says. */
import { useQueryClient } from '@tanstack/react-query'
import { App } from 'antd'
import { useState } from 'react'
import { ApiError, api, take } from '../../api/client'
import { deskQuery } from '../../api/queries'
import type { Call, CallAction } from '../../api/types'
import { useText } from '../../i18n'
import { usePhone } from '../../phone'
import { problemText } from '../../ui/problem'

export function useCall(call: Call | null | undefined) {
  const { message } = App.useApp()
  const { raw } = useText()
  const { phone, leg } = usePhone()
  const client = useQueryClient()
  const [busy, setBusy] = useState<CallAction | null>(null)

  const act = async (action: CallAction, body: Record<string, unknown> = {}): Promise<boolean> => {
    if (!call) return false
    setBusy(action)
    try {
      await take(api.POST('/calls/{id}/{verb}', { params: { path: { id: call.id, verb: action } }, body }))
      return true
    } catch (error) {
      message.error(problemText(error, raw).title)
      return false
    } finally {
      setBusy(null)
      void client.invalidateQueries({ queryKey: deskQuery.queryKey })
    }
  }

  return {
    busy,
    act,
    leg,
    answer: () => phone.answer(),
    reject: () => phone.reject(),
    toggleHold: () => act(call?.state === 'held' ? 'resume' : 'hold'),
    toggleMute: async () => {
      const muted = !(call?.muted ?? leg.muted)
      phone.mute(muted)
      await act(muted ? 'mute' : 'unmute')
    },
    digit: (digit: string) => {
      phone.dtmf(digit)
      if (leg.state !== 'active') void act('dtmf', { digit })
    },
    hangUp: async () => {
      // A hub that cannot be asked is told by the phone: a citizen must never be kept on the line.
      if (!(await act('hang_up'))) phone.hangUp()
    },
    retake: () =>
      take(api.POST('/desk/reattach')).catch((error: unknown) => {
        if (error instanceof ApiError) message.error(problemText(error, raw).title)
      }),
  }
}

export type CallControl = ReturnType<typeof useCall>
