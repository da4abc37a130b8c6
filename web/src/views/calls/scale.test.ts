import { expect, test } from 'vitest';
import { explainParams, regionLogsQL } from './measures';
import { formatRegion, inRegion, parseRegion, place, scaleOf, ticks, timeTicks, valueAt } from './scale';

test('a value and its place belong together on both axes', () => {
  for (const log of [false, true]) {
    const s = scaleOf([0.2, 3, null, 40, 0], log);
    for (const v of [0.2, 1, 40]) expect(valueAt(s, place(s, v))).toBeCloseTo(v, 9);
    expect(place(s, 40)).toBeLessThan(1);
  }
  expect(place(scaleOf([0.2, 3], true), 0)).toBe(0);
});

test('nothing known has a scale, too, and a logarithm spans seven decades at most', () => {
  expect(scaleOf([null, null], false)).toEqual({ min: 0, max: 1, log: false });
  const s = scaleOf([1e-20, 1], true);
  expect(s.max / s.min).toBeLessThan(1.1e7);
});

test('ticks are round and within the scale', () => {
  expect(ticks({ min: 0, max: 10.5, log: false }, 5)).toEqual([0, 5, 10]);
  expect(ticks({ min: 0.09, max: 12, log: true }, 8)).toEqual([0.1, 0.2, 0.5, 1, 2, 5, 10]);
  expect(ticks({ min: 0.0001, max: 1000, log: true }, 8)).toEqual([0.0001, 0.001, 0.01, 0.1, 1, 10, 100, 1000]);
  const hour = 3600_000;
  expect(timeTicks(0, 6 * hour, 6)).toEqual([0, 1, 2, 3, 4, 5, 6].map((x) => x * hour));
  expect(timeTicks(0, 24 * hour, 4, 8 * hour)[0]).toBe(4 * hour); // noon in Shanghai
});

test('a region survives the URL', () => {
  const r = { from: 1000, to: 2000, low: 0.5, high: 12.25 };
  expect(parseRegion(formatRegion(r))).toEqual(r);
  for (const bad of ['', '1,2,3', '2,1,0,1', '1,2,3,3', '1,2,x,4', '1,2,,4']) expect(parseRegion(bad)).toBeUndefined();
  expect(inRegion(r, 1500, 1)).toBe(true);
  expect(inRegion(r, 1500, null)).toBe(false);
  expect(inRegion(r, 2500, 1)).toBe(false);
});

test('explain compares the region with the rest', () => {
  const r = { from: Date.parse('2026-01-01T00:00:00Z'), to: Date.parse('2026-01-01T01:00:00Z'), low: 0.002, high: 0.5 };
  expect(regionLogsQL(r, 'cost')).toBe('_time:[2026-01-01T00:00:00.000Z, 2026-01-01T01:00:00.000Z) cost.usd:>=0.002 cost.usd:<=0.5');
  expect(explainParams(r, 'cost', 'requests', 'user:="u"', { start: 'A', end: 'B' })).toEqual({
    metric: 'requests', start: '2026-01-01T00:00:00.000Z', end: '2026-01-01T01:00:00.000Z', select: 'cost>=0.002 cost<=0.5', query: 'user:="u"',
    baseline_start: 'A', baseline_end: 'B', baseline_query: 'user:="u" !(_time:[2026-01-01T00:00:00.000Z, 2026-01-01T01:00:00.000Z) cost.usd:>=0.002 cost.usd:<=0.5)',
  });
});
