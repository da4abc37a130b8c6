import { describe, expect, test } from 'vitest';
import { diff, diffLines, diffWords, words } from './diff';

/** Applies edits: what they say of b must be b. */
function apply(a: readonly string[], b: readonly string[], most?: number): string[] {
  const out: string[] = [];
  let x = 0;
  let y = 0;
  for (const e of diff(a, b, most)) {
    if (e.kind === 'same') {
      expect([e.a, e.b]).toEqual([x, y]);
      out.push(...a.slice(e.a, e.a + e.length));
      x += e.length;
      y += e.length;
    } else if (e.kind === 'add') {
      expect(e.b).toBe(y);
      out.push(...b.slice(e.b, e.b + e.length));
      y += e.length;
    } else {
      expect(e.a).toBe(x);
      x += e.length;
    }
  }
  expect(x).toBe(a.length);
  return out;
}

describe('edits', () => {
  test('make b of a, for any texts', () => {
    let s = 11;
    const rnd = () => (s = (Math.imul(s, 1664525) + 1013904223) >>> 0) / 2 ** 32;
    for (let round = 0; round < 400; round++) {
      const make = () => Array.from({ length: Math.floor(rnd() * 14) }, () => 'abc'[Math.floor(rnd() * 3)] ?? 'a');
      const a = make();
      const b = make();
      expect(apply(a, b)).toEqual(b);
      expect(apply(a, b, 2)).toEqual(b);
    }
  });

  test('are few', () => {
    const edits = diff([...'ABCABBA'], [...'CBABAC']);
    expect(edits.filter((e) => e.kind !== 'same').reduce((n, e) => n + e.length, 0)).toBe(5);
    expect(diff([], [])).toEqual([]);
    expect(diff(['x'], ['x'])).toEqual([{ kind: 'same', a: 0, b: 0, length: 1 }]);
  });

  test('of texts with nothing in common are found at once', () => {
    const began = performance.now();
    apply(Array.from({ length: 20_000 }, (_, i) => `a${i}`), Array.from({ length: 20_000 }, (_, i) => `b${i}`));
    expect(performance.now() - began).toBeLessThan(2000);
  });
});

test('words: letters together, ideographs and signs alone', () => {
  expect(words('Grüße, 世界 x_1!')).toEqual(['Grüße', ',', ' ', '世', '界', ' ', 'x_1', '!']);
  expect(words('a  b').join('')).toBe('a  b');
  expect(words('👩‍🚀é').join('')).toBe('👩‍🚀é');
});

test('the changed words of a line', () => {
  expect(diffWords('the red house', 'the blue house')).toEqual({
    a: [{ text: 'the ', changed: false }, { text: 'red', changed: true }, { text: ' house', changed: false }],
    b: [{ text: 'the ', changed: false }, { text: 'blue', changed: true }, { text: ' house', changed: false }],
  });
});

test('lines side by side', () => {
  const rows = diffLines('one\ntwo\nthree\nfour', 'one\n2\nthree\nfour\nfive');
  expect(rows.map((r) => [r.kind, r.lineA, r.lineB])).toEqual([['same', 1, 1], ['change', 2, 2], ['same', 3, 3], ['same', 4, 4], ['add', undefined, 5]]);
  expect(diffLines('', 'x')).toEqual([{ kind: 'add', b: [{ text: 'x', changed: true }], lineB: 1 }]);
  expect(diffLines('x', '').map((r) => r.kind)).toEqual(['del']);
  expect(diffLines('', '')).toEqual([]);
});
