/** Which of the three administrators is here. For showing only: the hub decides. */
import { useQuery } from '@tanstack/react-query'
import { meQuery } from '../../api/queries'

export function useRights() {
  const { data: me } = useQuery(meQuery)
  const may = (right: string) => !me?.actions || me.actions.includes(right)
  return { system: may('system.manage'), security: may('security.manage') }
}
