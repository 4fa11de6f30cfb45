/** The tokens of tokens.css as antd's theme: given once, no overrides of its inner classes. */
import type { ConfigProviderProps, ThemeConfig } from 'antd'

const FONT =
  "'PingFang SC','HarmonyOS Sans SC','MiSans','Source Han Sans SC','Noto Sans CJK SC','Noto Sans SC','Microsoft YaHei UI','Microsoft YaHei',system-ui,sans-serif"

export const lightTheme: ThemeConfig = {
  token: {
    colorPrimary: '#1A5AA8',
    colorLink: '#1A5AA8',
    colorSuccess: '#1B7A4B',
    colorWarning: '#96590A',
    colorError: '#B8282E',
    colorText: '#1D2530',
    colorTextSecondary: '#566270',
    colorTextTertiary: '#566270',
    colorTextPlaceholder: '#667282',
    colorTextDescription: '#566270',
    colorTextDisabled: '#6b7683',
    colorBorder: '#C9D1DA',
    colorBorderSecondary: '#E1E6EB',
    colorBgMask: 'rgb(22 33 46 / 38%)',
    colorBgLayout: '#F4F6F8',
    colorBgContainer: '#FFFFFF',
    borderRadius: 4,
    borderRadiusLG: 6,
    fontFamily: FONT,
    fontSize: 14,
    controlHeight: 32,
    lineHeight: 22 / 14,
    fontWeightStrong: 600,
    motionDurationFast: '0.1s',
    motionDurationMid: '0.15s',
    motionDurationSlow: '0.2s',
    boxShadow: '0 6px 24px rgb(22 33 46 / 16%)',
    boxShadowSecondary: '0 6px 24px rgb(22 33 46 / 16%)',
  },
  components: {
    Button: {
      contentFontSizeSM: 12,
      controlHeightSM: 26,
      paddingInlineSM: 9,
      primaryShadow: 'none',
      defaultShadow: 'none',
      dangerShadow: 'none',
      fontWeight: 400,
      paddingInline: 14,
    },
    Input: { paddingInline: 10 },
    Modal: { titleFontSize: 16 },
  },
}

/** For whoever wants no motion. antd has to be told: it waits for the end of animations that the style sheet has taken away. */
export const stillTheme: ThemeConfig = { ...lightTheme, token: { ...lightTheme.token, motion: false } }

/** No space inside two-character buttons: it is not how Chinese is set. */
export const buttonStyle: ConfigProviderProps['button'] = { autoInsertSpace: false }
