import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { App as AntApp, ConfigProvider } from 'antd'
import enUS from 'antd/locale/en_US'
import zhCN from 'antd/locale/zh_CN'
import { useText } from '../i18n'
import { buttonStyle, lightTheme } from '../theme/antd'
import { queryClient, router } from './router'

export function App() {
  const { lang } = useText()
  return (
    <ConfigProvider theme={lightTheme} locale={lang === 'zh' ? zhCN : enUS} button={buttonStyle}>
      <AntApp component={false}>
        <QueryClientProvider client={queryClient}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </AntApp>
    </ConfigProvider>
  )
}
