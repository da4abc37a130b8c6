import { expect, test } from 'vitest';
import { fromPrometheus, parseStep, read, tabFor, write, type QueryState } from './state';

test('queries go into the URL and come back', () => {
  const list: QueryState[] = [
    { expr: 'up', tab: 'graph', stacked: false, exemplars: false },
    { expr: 'rate(x[5m])', tab: 'table', stacked: true, exemplars: true },
  ];
  const q = new URLSearchParams();
  for (const [k, vs] of Object.entries(write(list))) for (const v of vs) q.append(k, v);
  expect(read(q)).toEqual(list);
});

test('one empty query leaves the URL clean, and a wrong tab is the default', () => {
  expect(write([{ expr: '', tab: 'graph', stacked: false, exemplars: false }])).toEqual({ expr: [], tab: [], show: [] });
  expect(read(new URLSearchParams('expr=up&tab=wrong'))).toEqual([{ expr: 'up', tab: 'graph', stacked: false, exemplars: false }]);
});

test('links of Prometheus', () => {
  const old = fromPrometheus(new URLSearchParams('g0.expr=up&g0.tab=0&g0.stacked=1&g0.range_input=2h&g0.end_input=2026-01-02 03:04:05&g0.step_input=30&g1.expr=down&g1.tab=1'));
  expect(old).toEqual({
    queries: [{ expr: 'up', tab: 'graph', stacked: true, exemplars: false }, { expr: 'down', tab: 'table', stacked: false, exemplars: false }],
    start: '-2h', end: '2026-01-02T03:04:05.000Z', step: '30s',
  });
  expect(fromPrometheus(new URLSearchParams('g0.expr=a&g0.tab=explain&g0.display_mode=stacked')).queries).toEqual([{ expr: 'a', tab: 'explain', stacked: true, exemplars: false }]);
  expect(fromPrometheus(new URLSearchParams('g0.expr=a')).queries[0]?.tab).toBe('table');
});

test('steps', () => {
  expect(parseStep('30s')).toBe(30);
  expect(parseStep('5m')).toBe(300);
  expect(parseStep('15')).toBe(15);
  for (const bad of ['', '0s', 'x', '-5m']) expect(parseStep(bad)).toBeUndefined();
});

test('a result that is no histogram is not drawn as one', () => {
  expect(tabFor('histogram', undefined)).toBe('graph');
  expect(tabFor('table', undefined)).toBe('table');
  expect(tabFor('graph', 'histogram')).toBe('histogram');
});
