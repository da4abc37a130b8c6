import { expect, test } from 'vitest';
import { align, barGroups, csv, errorAt, labelColumns, legendNames, quantileOf, seriesName, unitOf } from './results';

const s = (metric: Record<string, string>, v = '1') => ({ metric, value: [100, v] as [number, string] });

test('names leave out what all series have', () => {
  const list = [s({ __name__: 'x', job: 'a', model: 'm1' }), s({ __name__: 'x', job: 'a', model: 'm2' })];
  expect(legendNames(list)).toEqual(['m1', 'm2']);
  expect(legendNames([s({ __name__: 'x', a: '1', b: '1' }), s({ __name__: 'x', a: '2', b: '2' })])).toEqual(['{a="1", b="1"}', '{a="2", b="2"}']);
  expect(seriesName({})).toBe('{}');
  expect(labelColumns(list)).toEqual(['__name__', 'model', 'job']);
});

test('series share their times, and gaps stay', () => {
  const r = align([{ metric: {}, values: [[10, '1'], [30, '3']] }, { metric: {}, values: [[20, 'NaN']] }], 10, 30, 10);
  expect(r).toEqual({ times: [10, 20, 30], values: [[1, null, 3], [null, null, null]] });
});

test('CSV quotes what needs it', () => {
  expect(csv([s({ a: 'x,"y"' }, '2.5')])).toBe('a,time,value\n"x,""y""",1970-01-01T00:01:40.000Z,2.5\n');
});

test('the place of an error', () => {
  expect(errorAt('invalid parameter "query": 1:5: parse error: unexpected identifier "b"', 'sum b')).toEqual({ from: 4, to: 5, message: 'parse error: unexpected identifier "b"' });
  expect(errorAt('2:1: parse error: x', 'ab\ncd')).toMatchObject({ from: 3, to: 5 });
  expect(errorAt('1:5: parse error: unexpected end of input', 'sum(')).toMatchObject({ from: 3, to: 4 });
  expect(errorAt('query timed out', 'x')).toBeUndefined();
});

test('bars of classic and native histograms', () => {
  const classic = barGroups([s({ le: '+Inf', m: 'a' }, '10'), s({ le: '1', m: 'a' }, '4'), s({ le: '2', m: 'a' }, '9')]);
  expect(classic).toEqual([{ metric: { m: 'a' }, count: 10, bars: [{ low: 0, high: 1, count: 4 }, { low: 1, high: 2, count: 5 }, { low: 2, high: Infinity, count: 1 }] }]);
  const native = barGroups([{ metric: {}, histogram: [1, { count: '3', sum: '4.5', buckets: [[0, '1', '2', '3']] }] }]);
  expect(native[0]).toMatchObject({ count: 3, sum: 4.5, bars: [{ low: 1, high: 2, count: 3 }] });
});

test('quantiles of bars', () => {
  const bars = [{ low: 0, high: 1, count: 5 }, { low: 1, high: 2, count: 5 }, { low: 2, high: Infinity, count: 0 }];
  expect(quantileOf(bars, 0.5)).toBe(1);
  expect(quantileOf(bars, 0.75)).toBe(1.5);
  expect(quantileOf([{ low: 4, high: Infinity, count: 2 }], 0.5)).toBe(4);
  expect(quantileOf([], 0.5)).toBeUndefined();
});

test('units only where they are certain', () => {
  expect(unitOf('histogram_quantile(0.95, sum by (le) (rate(llm_request_duration_seconds_bucket[5m])))')).toBe('seconds');
  expect(unitOf('sum by (slo) (slo:period_error_budget_remaining:ratio)')).toBe('ratio');
  expect(unitOf('process_resident_memory_bytes{job="x"}')).toBe('bytes');
  expect(unitOf('rate(llm_cost_usd_total[5m])')).toBe('count');
  expect(unitOf('a / b')).toBe('count');
});
