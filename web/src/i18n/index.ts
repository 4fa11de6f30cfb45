/**
 * Texts of the console. Chinese is the source language, English the second; the choice is kept on
 * this machine. Codes of the hub are named by `code.<set>.<value>`.
 */
import i18next from 'i18next'
import { initReactI18next, useTranslation } from 'react-i18next'
import { areas } from './areas'

export type Language = 'zh' | 'en'
const KEY = 'liandong.language'

type Texts = { [A in keyof typeof areas]: (typeof areas)[A]['zh'] }

declare module 'i18next' {
  interface CustomTypeOptions {
    defaultNS: 'translation'
    resources: { translation: Texts }
  }
}

function texts(language: Language) {
  return Object.fromEntries(Object.entries(areas).map(([name, both]) => [name, both[language]]))
}

export function startTexts(language: Language = stored()): void {
  void i18next.use(initReactI18next).init({
    lng: language,
    fallbackLng: 'zh',
    resources: { zh: { translation: texts('zh') }, en: { translation: texts('en') } },
    interpolation: { escapeValue: false },
    initAsync: false,
  })
  markDocument(language)
}

export function setLanguage(language: Language): void {
  localStorage.setItem(KEY, language)
  markDocument(language)
  void i18next.changeLanguage(language)
}

function stored(): Language {
  return localStorage.getItem(KEY) === 'en' ? 'en' : 'zh'
}

function markDocument(language: Language): void {
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en'
}

/** `t` for fixed texts, `code` for the hub's codes, `lang` for the rest. */
export function useText() {
  const { t, i18n } = useTranslation()
  const lang: Language = i18n.language === 'en' ? 'en' : 'zh'
  const raw = t as unknown as (key: string, options?: Record<string, unknown>) => string
  const code = (set: string, value: string | number | null | undefined, fallback?: string): string =>
    value === null || value === undefined || value === ''
      ? ''
      : raw(`code.${set}.${value}`, { defaultValue: fallback ?? String(value) })
  return { t, raw, code, lang }
}

export type Text = ReturnType<typeof useText>
