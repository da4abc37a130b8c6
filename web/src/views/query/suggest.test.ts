import { expect, test } from 'vitest';
import { familyOf, suggest } from './suggest';

test('counters are rated, histograms have quantiles, gauges are shown', () => {
  expect(suggest('x_total', 'counter', ['model']).map((s) => s.expr)).toEqual(['sum(rate(x_total[5m]))', 'sum by (model) (rate(x_total[5m]))', 'sum(increase(x_total[1h]))']);
  expect(suggest('d_seconds_bucket', 'histogram', ['le', 'service'])[1]?.expr).toBe('histogram_quantile(0.95, sum by (le, service) (rate(d_seconds_bucket[5m])))');
  expect(suggest('d_seconds', 'histogram', [])[0]?.expr).toBe('histogram_quantile(0.95, sum(rate(d_seconds[5m])))');
  expect(suggest('d_seconds_count', 'histogram', [])[0]?.kind).toBe('perSecond');
  expect(suggest('g', 'gauge', ['job']).map((s) => s.expr)).toEqual(['g', 'sum by (job) (g)']);
});

test('a series finds its family', () => {
  const known = new Set(['d_seconds', 'x_total']);
  expect(familyOf('d_seconds_bucket', known)).toBe('d_seconds');
  expect(familyOf('x_total', known)).toBe('x_total');
  expect(familyOf('other_sum', known)).toBe('other_sum');
});
