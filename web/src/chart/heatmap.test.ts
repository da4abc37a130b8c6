import { expect, test } from 'vitest';
import { drawn, fromClassic, fromNative, logTicks } from './heatmap';

const g = { start: 0, end: 120, step: 60 };
const bucket = (i: number, n: number): [number, string, string, string] => [0, String(2 ** (i / 8)), String(2 ** ((i + 1) / 8)), String(n)];

test('native buckets go whole into rows, and none is lost', () => {
  const grid = fromNative([
    [0, { count: '6', sum: '1', buckets: [bucket(-8, 1), bucket(-7, 2), bucket(20, 3)] }],
    [120, { count: '5', sum: '1', buckets: [bucket(0, 5)] }],
    [999, { count: '5', sum: '1', buckets: [bucket(0, 5)] }],
  ], g, 8);
  expect(grid?.rows.length).toBeLessThanOrEqual(8);
  expect(grid?.counts.map((c) => c.reduce((a, b) => a + b, 0))).toEqual([6, 0, 5]);
  expect(grid?.max).toBe(5);
  // Each row begins where the one below it ends, and holds the buckets that it should.
  const rows = grid?.rows ?? [];
  for (let i = 1; i < rows.length; i++) expect(rows[i]?.lo).toBeCloseTo(rows[i - 1]?.hi ?? 0, 9);
  const row = rows.findIndex((r) => r.lo <= 1.0001 && r.hi > 1.05);
  expect(grid?.counts[2]?.[row]).toBe(5);
});

test('with rows enough each native bucket is one', () => {
  const grid = fromNative([[60, { count: '3', sum: '1', buckets: [bucket(0, 1), bucket(1, 1), bucket(2, 1)] }]], g, 36, 2);
  expect(grid?.rows).toHaveLength(3);
  expect(grid?.counts[1]).toEqual([2, 2, 2]);
});

test('a zero bucket is in the lowest row; nothing is no heatmap', () => {
  const grid = fromNative([[0, { count: '3', sum: '1', buckets: [[3, '-0.001', '0.001', '2'], bucket(3, 1)] }]], g);
  expect(grid?.counts[0]?.[0]).toBe(3);
  expect(fromNative([[0, { count: '0', sum: '0' }]], g)).toBeUndefined();
  expect(fromNative([], g)).toBeUndefined();
});

test('classic buckets are cumulative', () => {
  const s = (le: string, ...v: number[]) => ({ metric: { le }, values: v.map((x, i): [number, string] => [i * 60, String(x)]) });
  const grid = fromClassic([s('+Inf', 10, 4), s('0.5', 2, 0), s('1', 9, 4), s('0.1', 0, 0)], g);
  expect(grid?.rows).toEqual([{ lo: 0.1, hi: 0.5 }, { lo: 0.5, hi: 1 }, { lo: 1, hi: Infinity }]);
  expect(grid?.counts).toEqual([[2, 7, 1], [0, 4, 0], [0, 0, 0]]);
  expect(drawn({ lo: 0, hi: 0.1 })).toEqual({ lo: 0.05, hi: 0.1 });
  expect(drawn({ lo: 300, hi: Infinity })).toEqual({ lo: 300, hi: 600 });
});

test('ticks of a logarithmic axis', () => {
  expect(logTicks(0.05, 12, 10)).toEqual([0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]);
  expect(logTicks(0.05, 12, 3)).toEqual([0.1, 1, 10]);
});
