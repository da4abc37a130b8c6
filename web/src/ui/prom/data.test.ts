import { expect, test } from 'vitest';
import { gridOf, highest, joinRows, legendOf, levelOf, linesOf, nativeOf, parted, partsOf, statistics, thin, timesOf, union } from './data';

test('legends', () => {
  expect(legendOf('{{server}} {{model}} {{ instance }}', { server: 'vllm', model: 'm' })).toBe('vllm m');
  expect(legendOf('p95', { a: 'b' })).toBe('p95');
  expect(legendOf('', { __name__: 'up', job: 'x', instance: 'y' })).toBe('job=x instance=y');
  expect(legendOf('', { __name__: 'up' })).toBe('up');
});

test('a grid is of multiples of the step', () => {
  const g = gridOf(1_000_007_000, 1_000_127_000, 30);
  expect(g).toEqual({ start: 1_000_020, end: 1_000_110, step: 30 });
  expect(timesOf(g)).toEqual([1_000_020, 1_000_050, 1_000_080, 1_000_110]);
  // A range shorter than its step has one moment, not a negative number of them.
  expect(timesOf(gridOf(31_000, 44_000, 60))).toHaveLength(1);
});

test('samples are put at their places, gaps stay gaps', () => {
  const g = { start: 60, end: 180, step: 60 };
  const lines = linesOf([
    { legend: '{{m}}', series: [{ metric: { m: 'a' }, values: [[60, '1'], [180, 'NaN']] }] },
    { legend: '{{m}}', series: [{ metric: { m: 'a' }, values: [[120, '2']] }] },
  ], g);
  expect(lines.map((l) => [l.name, l.values])).toEqual([['a', [1, null, null]], ['a #2', [null, 2, null]]]);
  expect(linesOf([{ legend: 'price', series: [{ metric: { m: 'a' } }, { metric: { m: 'b' } }] }], g).map((l) => l.label)).toEqual(['price m=a', 'price m=b']);
  expect(highest(lines, 1).map((l) => l.name)).toEqual(['a #2']);
});

test('statistics over what is known', () => {
  expect(statistics([null, 1, 3, undefined, 2, null])).toEqual({ last: 2, min: 1, max: 3, mean: 2 });
  expect(statistics([null])).toEqual({});
});

test('rows of several targets join by their labels', () => {
  const t = joinRows([
    [{ metric: { model: 'a' }, value: [0, '1'] }, { metric: { model: 'b' }, value: [0, '2'] }],
    [{ metric: { __name__: 'x', model: 'b' }, value: [0, '0.5'] }, { metric: { model: 'c' }, value: [0, 'NaN'] }],
  ]);
  expect(t.labels).toEqual(['model']);
  expect(t.rows.map((r) => [r.labels.model, ...r.values])).toEqual([['a', 1, undefined], ['b', 2, 0.5], ['c', undefined, undefined]]);
  // `or vector(0)` counts only where nothing else answers.
  expect(joinRows([[{ metric: {}, value: [0, '0'] }]]).rows).toHaveLength(1);
  expect(joinRows([[{ metric: {}, value: [0, '0'] }, { metric: { a: 'b' }, value: [0, '3'] }]]).rows).toHaveLength(1);
});

test('levels', () => {
  const t = [{ value: 1, level: 'warning' as const }, { value: 5, level: 'critical' as const }];
  expect([0.5, 1, 7].map((v) => levelOf(v, t, 'ok'))).toEqual(['ok', 'warning', 'critical']);
  expect(levelOf(undefined, t, 'ok')).toBeUndefined();
  expect(levelOf(3, [], 'ok')).toBeUndefined();
});

test('few exemplars stay, slow ones of each stretch among them', () => {
  const exemplars = Array.from({ length: 1000 }, (_, i) => ({ labels: { trace_id: `t${i}` }, value: i === 407 ? '99' : String((i * 7) % 10), timestamp: i }));
  const some = thin([{ seriesLabels: {}, exemplars }], 0, 1000, 40);
  expect(some.filter((e) => e.value >= 8).length).toBeGreaterThan(20);
  expect(some.length).toBeLessThanOrEqual(40);
  expect(some.length).toBeGreaterThan(20);
  expect(some.find((e) => e.value === 99)?.traceID).toBe('t407');
  expect(some.map((e) => e.time)).toEqual(some.map((e) => e.time).sort((a, b) => a - b));
  expect(thin([{ seriesLabels: {}, exemplars: [{ labels: {}, value: '1', timestamp: 5 }] }], 0, 10, 10)).toEqual([]);
});

test('native histograms for classic ones', () => {
  expect(nativeOf('sum by (le) (increase(x_seconds_bucket{service=~"$service"}[$__rate_interval]))')).toBe('sum(increase(x_seconds{service=~"$service"}[$__rate_interval]))');
  expect(nativeOf('sum by (le) (rate(x_bucket[5m]))')).toBe('sum(rate(x[5m]))');
  expect(nativeOf('sum by (model) (rate(x_bucket[5m]))')).toBeUndefined();
});

test('several expressions in one query', () => {
  expect(union({ a: 'up', b: 'sum(x)' })).toBe('label_replace(up, "pitot_part", "a", "", "") or label_replace(sum(x), "pitot_part", "b", "", "")');
  const two = parted([{ metric: { pitot_part: '1', a: 'x' } }, { metric: { pitot_part: '0' } }, { metric: { pitot_part: '1', a: 'y' } }], 2);
  expect(two.map((list) => list.map((s) => s.metric))).toEqual([[{}], [{ a: 'x' }, { a: 'y' }]]);
  expect(partsOf([{ metric: { pitot_part: 'a' }, value: [0, '3'] }, { metric: { pitot_part: 'b' }, value: [0, 'NaN'] }])).toEqual({ a: 3, b: undefined });
});
