import { describe, expect, test } from 'vitest';
import type { Message } from '~/api/types';
import { base64url, decodeTimeline, encodeTimeline, TimelineError } from './decode';
import { bytesAt, lowerBound, quantile, speed, streamStats, upperBound } from './stats';
import { prefix, script, shownAt, tokensPerByte } from './text';

/** A generator of numbers that is the same at each run. */
function random(seed: number): () => number {
  let s = seed >>> 0;
  return () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return s / 2 ** 32;
  };
}

const reason = (text: string): string => {
  try {
    decodeTimeline(text);
    return 'ok';
  } catch (e) {
    if (e instanceof TimelineError) return e.reason;
    throw e;
  }
};

describe('the stored form', () => {
  test('of a recorded call', () => {
    // The gateway wrote it: 509.9 ms, two bytes of content in one chunk between two without.
    const t = decodeTimeline('AfcTAPITAgEA');
    expect([...t.at].map((x) => Math.round(x * 1e4))).toEqual([2551, 5097, 5098]);
    expect([...t.bytes]).toEqual([0, 2, 0]);
    expect([...t.sum]).toEqual([0, 2, 2]);
  });

  test('what is written is read', () => {
    const rnd = random(7);
    for (let round = 0; round < 200; round++) {
      const chunks = Array.from({ length: Math.floor(rnd() * 60) }, (): [number, number] => [Math.floor(rnd() ** 4 * 3e6), Math.floor(rnd() ** 3 * 9000)]);
      const t = decodeTimeline(encodeTimeline(chunks));
      let at = 0;
      let sum = 0;
      expect(t.at.length).toBe(chunks.length);
      chunks.forEach(([gap, bytes], i) => {
        at += gap;
        sum += bytes;
        expect(t.at[i]).toBeCloseTo(at / 1e4, 6);
        expect(t.bytes[i]).toBe(bytes);
        expect(t.sum[i]).toBe(sum);
      });
    }
  });

  test('anything else is refused, never misread, and ends', () => {
    expect(reason('')).toBe('ok');
    expect(reason('AQ')).toBe('ok'); // the version alone
    expect(reason('Ag')).toBe('version');
    expect(reason('A')).toBe('corrupt');
    expect(reason('Af=')).toBe('corrupt');
    expect(reason('AfcTAPITAg')).toBe('ok');
    expect(reason(encodeTimeline([[300, 5]]).slice(0, -1))).toBe('corrupt');
    expect(reason(encodeTimeline([[2 ** 41, 5]]))).toBe('corrupt');
    expect(reason('AYCAgICAgICAgICAAQ')).toBe('corrupt');
    expect(reason(encodeTimeline(Array.from({ length: 33_000 }, () => [1, 1] as const)))).toBe('long');
    const rnd = random(3);
    for (let round = 0; round < 3000; round++) {
      const text = 'AQ' + Array.from({ length: Math.floor(rnd() * 24) }, () => 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= é'[Math.floor(rnd() * 68)]).join('');
      const r = reason(text);
      expect(['ok', 'corrupt', 'version']).toContain(r);
      if (r !== 'ok') continue;
      const t = decodeTimeline(text);
      for (let i = 1; i < t.at.length; i++) expect(t.at[i]).toBeGreaterThanOrEqual(t.at[i - 1] ?? 0);
    }
  });

  test('base64url as in RFC 4648', () => {
    expect([...base64url('Zm9vYmFy')]).toEqual([...new TextEncoder().encode('foobar')]);
    expect([...base64url('-_8')]).toEqual([0xfb, 0xff]);
  });
});

describe('numbers', () => {
  test('quantiles and bounds', () => {
    expect(quantile([], 0.5)).toBeUndefined();
    expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5);
    expect(quantile([5], 0.99)).toBe(5);
    expect(lowerBound([1, 2, 2, 3], 2)).toBe(1);
    expect(upperBound([1, 2, 2, 3], 2)).toBe(3);
  });

  test('stalls are far above the typical gap', () => {
    const t = decodeTimeline(encodeTimeline([[3000, 0], [2000, 4], ...Array.from({ length: 40 }, () => [200, 4] as const), [30_000, 4], [200, 4]]));
    const s = streamStats(t);
    expect(s.chunks).toBe(44);
    expect(s.withContent).toBe(43);
    expect(s.firstContent).toBeCloseTo(0.5);
    expect(s.median).toBeCloseTo(0.02);
    expect(s.stalls).toHaveLength(1);
    expect(s.stalls[0]?.seconds).toBeCloseTo(3);
    expect(s.stalls[0]?.at).toBeCloseTo(1.3);
    expect(s.longest).toEqual(s.stalls[0]);
  });

  test('a slow stream has no stalls: the typical gap is long itself', () => {
    expect(streamStats(decodeTimeline(encodeTimeline([[5000, 4], [20_000, 4], [21_000, 4], [25_000, 4]]))).stalls).toEqual([]);
  });

  test('one chunk, and none', () => {
    expect(streamStats(decodeTimeline(encodeTimeline([[5000, 4]])))).toMatchObject({ chunks: 1, withContent: 1, median: undefined, stalls: [] });
    expect(streamStats(decodeTimeline(''))).toEqual({ chunks: 0, withContent: 0, contentBytes: 0, stalls: [] });
  });

  test('speed is steady where the stream is, falls in a stall and keeps the sum', () => {
    const t = decodeTimeline(encodeTimeline([[5000, 10], ...Array.from({ length: 500 }, () => [100, 10] as const), [20_000, 10], ...Array.from({ length: 500 }, () => [100, 10] as const)]));
    const s = streamStats(t);
    const v = speed(t, 0, 12.5, 1251, s);
    const at = (x: number) => v.values[Math.round(x / v.step)] ?? Number.NaN;
    expect(at(0.2)).toBeNaN();
    expect(at(3)).toBeGreaterThan(900);
    expect(at(3)).toBeLessThan(1100);
    expect(at(6.5)).toBeLessThan(20);
    let area = 0;
    for (const x of v.values) if (!Number.isNaN(x)) area += x * v.step;
    expect(Math.abs(area / s.contentBytes - 1)).toBeLessThan(0.05);
  });

  test('25,000 chunks take no time', () => {
    const text = encodeTimeline(Array.from({ length: 25_000 }, (_, i) => [100 + (i % 50), 4] as const));
    const began = performance.now();
    const t = decodeTimeline(text);
    const s = streamStats(t);
    speed(t, 0, t.at.at(-1) ?? 0, 600, s);
    expect(t.at.length).toBe(25_000);
    expect(performance.now() - began).toBeLessThan(200);
  });
});

describe('text as it came', () => {
  const output: Message[] = [{ role: 'assistant', parts: [{ type: 'reasoning', content: '想一想' }, { type: 'text', content: 'Grüße 👩‍🚀!' }, { type: 'tool_call', name: 'find', arguments: '{"q":"日本"}' }] }];

  test('is never cut within a character, and grows to the whole', () => {
    const s = script(output);
    expect(s.total).toBe(new TextEncoder().encode('想一想Grüße 👩‍🚀!{"q":"日本"}').length);
    let before = '';
    for (let n = 0; n <= s.total; n++) {
      const shown = shownAt(s, n, s.total);
      const text = shown.map((x) => x.text).join('');
      expect(text).not.toContain('\ufffd');
      expect(text.startsWith(before)).toBe(true);
      expect(new TextEncoder().encode(text).length).toBeLessThanOrEqual(n);
      before = text;
    }
    expect(before).toBe('想一想Grüße 👩‍🚀!{"q":"日本"}');
    expect(shownAt(s, s.total, s.total).map((x) => x.kind)).toEqual(['reasoning', 'text', 'tool']);
    expect(shownAt(s, 0, s.total)).toEqual([]);
  });

  test('content that was cut afterwards is shown in proportion', () => {
    const s = script([{ role: 'assistant', parts: [{ type: 'text', content: 'abcdefghij' }] }]);
    expect(shownAt(s, 50, 100)[0]?.text).toBe('abcde');
    expect(shownAt(s, 100, 100)[0]?.text).toBe('abcdefghij');
  });

  test('prefixes of characters', () => {
    const b = new TextEncoder().encode('é€😀');
    expect([0, 1, 2, 3, 4, 5, 6, 8, 9].map((n) => prefix(b, n))).toEqual(['', '', 'é', 'é', 'é', 'é€', 'é€', 'é€', 'é€😀']);
  });

  test('tokens for a byte', () => {
    const s = script(output);
    const usage = { output_tokens: 20, reasoning_tokens: 10, source: 'reported' as const };
    expect(tokensPerByte({ usage, chunks: 3 }, 3, 40, s)).toBe(0.5);
    // Hidden reasoning has no bytes.
    expect(tokensPerByte({ usage, chunks: 3 }, 3, 40, { pieces: [], total: 0 })).toBe(0.25);
    // The timeline holds the first chunks only.
    expect(tokensPerByte({ usage, chunks: 9 }, 3, 40, s)).toBe(20 / s.total);
    expect(tokensPerByte({ usage: { source: 'unknown' } }, 3, 40, s)).toBeUndefined();
  });
});

test('bytes at a moment', () => {
  const t = decodeTimeline(encodeTimeline([[10, 1], [10, 2]]));
  expect([0, 0.001, 0.0015, 0.002, 9].map((x) => bytesAt(t, x))).toEqual([0, 1, 1, 3, 3]);
});
