// One typed dictionary in two languages. Each view defines its messages beside
// its code with defineMessages: English says which keys there are, and Chinese
// must have the same ones, or the type check fails.

import i18next from 'i18next';
import { initReactI18next, useTranslation } from 'react-i18next';

export const languages = ['en', 'zh'] as const;
export type Language = (typeof languages)[number];

export const languageNames: Record<Language, string> = { en: 'English', zh: '中文' };

/** Values that are put into a text at {{name}}. `count` selects the plural form in English: key_one, key_other. */
export type Values = Record<string, string | number>;

const stored = 'pitot.language';

/** The language of a person who has not chosen: the first of the browser's that there is. */
export function preferred(wanted: readonly string[]): Language {
  for (const l of wanted) {
    const short = l.toLowerCase().split('-')[0];
    if (short === 'zh' || short === 'en') return short;
  }
  return 'en';
}

/** Reads ?lang=, then what was chosen before, then what the browser says. */
export function initialLanguage(): Language {
  if (typeof window === 'undefined') return 'en';
  const asked = new URLSearchParams(window.location.search).get('lang');
  const before = asked ?? window.localStorage.getItem(stored);
  if (before === 'en' || before === 'zh') return before;
  return preferred(window.navigator.languages);
}

void i18next.use(initReactI18next).init({
  lng: initialLanguage(),
  fallbackLng: false,
  resources: {},
  interpolation: {
    escapeValue: false, // React escapes
    alwaysFormat: true,
    // A count is grouped as numbers are everywhere: 12,345 calls.
    format: (value: unknown, _format, lng, options) => (options?.interpolationkey === 'count' && typeof value === 'number' ? value.toLocaleString(lng === 'zh' ? 'zh-CN' : 'en-US') : (value as string)),
  },
  returnNull: false,
  showSupportNotice: false,
});
document_(i18next.language as Language);

function document_(l: Language): void {
  if (typeof document !== 'undefined') document.documentElement.lang = l === 'zh' ? 'zh-CN' : 'en';
}

export function currentLanguage(): Language {
  return i18next.language as Language;
}

export function setLanguage(l: Language): void {
  window.localStorage.setItem(stored, l);
  document_(l);
  void i18next.changeLanguage(l);
}

/** Follows the language. */
export function useLanguage(): Language {
  return useTranslation().i18n.language as Language;
}

/** A key without its plural ending: one calls t('calls') for calls_one and calls_other. */
type Base<K> = K extends `${infer B}_one` | `${infer B}_other` ? B : K;

export interface Messages<K extends string> {
  /** The texts within a component; they change with the language. */
  useT(): (key: Base<K>, values?: Values) => string;
  /** A text outside components, in the present language. */
  t(key: Base<K>, values?: Values): string;
}

/**
 * Defines the messages of a view. Where English has key_one and key_other for a
 * plural, Chinese has both, too, with the same text: it has no plural.
 */
export function defineMessages<T extends Record<string, string>>(ns: string, en: T, zh: { [K in keyof T]: string }): Messages<keyof T & string> {
  i18next.addResourceBundle('en', ns, en, true, true);
  i18next.addResourceBundle('zh', ns, zh, true, true);
  return {
    useT() {
      const { t } = useTranslation(ns);
      return (key, values) => t(key as string, values as Record<string, unknown>) as string;
    },
    t(key, values) {
      return i18next.t(key as string, { ns, ...values }) as string;
    },
  };
}
