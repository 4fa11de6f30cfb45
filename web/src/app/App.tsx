import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { App as AntApp, ConfigProvider } from 'antd'
import enUS from 'antd/locale/en_US'
import zhCN from 'antd/locale/zh_CN'
import { useSyncExternalStore } from 'react'
import { useText } from '../i18n'
import { buttonStyle, lightTheme, stillTheme } from '../theme/antd'
import { queryClient, router } from './router'

export function App() {
  const { lang } = useText()
  const still = useSyncExternalStore(stillness.subscribe, stillness.get)
  return (
    <ConfigProvider
      theme={still ? stillTheme : lightTheme}
      locale={lang === 'zh' ? zhCN : enUS}
      button={buttonStyle}
    >
      <AntApp component={false}>
        <QueryClientProvider client={queryClient}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </AntApp>
    </ConfigProvider>
  )
}

const wish = matchMedia('(prefers-reduced-motion: reduce)')
/** Whether this person wants no motion. */
const stillness = {
  subscribe: (told: () => void) => {
    wish.addEventListener('change', told)
    return () => wish.removeEventListener('change', told)
  },
  get: () => wish.matches,
}
