import { expect, test } from 'vitest';
import { evidence } from './evidence';

const sources = import.meta.glob<string>(['../../../internal/breakdown/*.go', '!**/*_test.go'], { query: '?raw', import: 'default', eager: true });

/** The sentences that the server can say: strings of some words in its code. */
function sentences(): string[] {
  const out = new Set<string>();
  for (const text of Object.values(sources)) {
    for (const line of text.split('\n')) {
      if (/^\s*\/\//.test(line)) continue;
      if (!/\b(say|note|exactly|upTo|said)\(|Evidence:|measured\b.*=|evidence\b.*=/.test(line)) continue;
      for (const m of line.matchAll(/"((?:[^"\\]|\\.)*)"/g)) if ((m[1] ?? '').split(' ').length >= 3) out.add(m[1] ?? '');
    }
  }
  return [...out];
}

test('every sentence of the server has a translation', () => {
  const all = sentences();
  expect(all.length).toBeGreaterThan(15);
  for (const s of all) {
    // A part that is put together with what stands behind it.
    const text = s.replaceAll('%v', '1.2s').replaceAll('%s', 'the whole duration').replace(/ $/, ' the whole duration');
    expect(evidence(text, 'zh'), text).toMatch(/[\u4e00-\u9fff]/);
    expect(evidence(text, 'en')).toBe(text);
  }
});

test('values are kept', () => {
  expect(evidence('the phases leave 12.3ms that nobody explains', 'zh')).toContain('12.3ms');
  expect(evidence('something new', 'zh')).toBe('something new');
});
