import i18next from 'i18next';
import { expect, test } from 'vitest';
import { defineMessages, preferred } from './index';

test('the browser’s first language that there is', () => {
  expect(preferred(['fr-FR', 'zh-TW', 'en'])).toBe('zh');
  expect(preferred(['en-GB', 'zh'])).toBe('en');
  expect(preferred(['de'])).toBe('en');
  expect(preferred([])).toBe('en');
});

test('texts, values and plurals in both languages', async () => {
  const m = defineMessages('test', { hi: 'Hello {{name}}', calls_one: '{{count}} call', calls_other: '{{count}} calls' }, { hi: '你好 {{name}}', calls_one: '{{count}} 次调用', calls_other: '{{count}} 次调用' });
  await i18next.changeLanguage('en');
  expect(m.t('hi', { name: '<b>' })).toBe('Hello <b>');
  expect(m.t('calls', { count: 1 })).toBe('1 call');
  expect(m.t('calls', { count: 2 })).toBe('2 calls');
  expect(m.t('calls', { count: 12345 })).toBe('12,345 calls');
  expect(m.t('hi', { name: 4400 })).toBe('Hello 4400');
  await i18next.changeLanguage('zh');
  expect(m.t('calls', { count: 1 })).toBe('1 次调用');
  expect(m.t('calls', { count: 12345 })).toBe('12,345 次调用');
  // @ts-expect-error Chinese must have every key of English.
  defineMessages('bad', { a: 'a', b: 'b' }, { a: '甲' });
});
