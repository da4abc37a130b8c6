import { expect, test } from 'vitest';
import type { Group, Timeline } from '~/api/types';
import { ofStep, quantileSeries, stepSeries, tpotQuery } from './series';

const totals = (o: Partial<Group['totals']>): Group['totals'] => ({ calls: 10, errors: 1, input_tokens: 100, output_tokens: 50, cost_usd: 2, ...o });

test('a step without what a measure needs is a gap, not 0', () => {
  expect(ofStep(totals({}), 'error_rate')).toBe(0.1);
  expect(ofStep(totals({}), 'cost_per_call')).toBe(0.2);
  expect(ofStep(totals({ by_state: { unpriced: { calls: 6, cost_usd: 0 } } }), 'cost_per_call')).toBe(0.5);
  expect(ofStep(totals({ by_state: { unpriced: { calls: 10, cost_usd: 0 } }, cost_usd: 0 }), 'cost_per_call')).toBeNull();
  expect(ofStep(totals({ by_state: { unpriced: { calls: 10, cost_usd: 0 } }, cost_usd: 0 }), 'cost_per_1k')).toBeNull();
  expect(ofStep(totals({}), 'cost_per_1k')).toBe(40);
  expect(ofStep(totals({}), 'tokens_per_second')).toBeNull();
  expect(ofStep(totals({ duration_seconds_sum: 25 }), 'tokens_per_second')).toBe(2);
});

test('groups become series over all steps', () => {
  const g = (time: string, model: string, calls: number): Group => ({ time, values: { model }, totals: totals({ calls, errors: 0 }) });
  const groups = [g('2026-01-01T00:02:00Z', 'a', 5), g('2026-01-01T00:00:00Z', 'a', 3), g('2026-01-01T00:01:00Z', 'b', 20)];
  const { times, series } = stepSeries(groups, ['model'], 'calls', undefined, 60);
  expect(times).toHaveLength(3);
  expect(series.map((s) => [s.name, s.values])).toEqual([['b', [0, 20, 0]], ['a', [3, 0, 5]]]);
  expect(stepSeries(groups, ['model'], 'error_rate', new Set(['a']), 60).series.map((s) => s.values)).toEqual([[0, null, 0]]);
  expect(stepSeries([], ['model'], 'calls', undefined, 60).times).toEqual([]);
});

test('quantiles come from the timeline; what is added up is no group', () => {
  const q = { p50: [1, null], p95: [2, null], p99: [3, null] };
  const t: Timeline = { step_seconds: 60, times: ['2026-01-01T00:00:00Z', '2026-01-01T00:01:00Z'], series: [{ value: 'a', calls: [1, 0], errors: [0, 0], latency_seconds: q }, { value: '__other__', calls: [1, 1], errors: [0, 0], latency_seconds: q }, { value: '', calls: [1, 0], errors: [0, 0] }] };
  expect(quantileSeries(t, 'latency_p95', undefined, '(none)').series).toEqual([{ name: 'a', values: [2, null] }]);
  expect(quantileSeries(t, 'ttft_p50', undefined, '(none)').series).toEqual([]);
});

test('metrics are asked only for what they know', () => {
  expect(tpotQuery('model', { service: 'a"b' }, '1m')).toBe('histogram_quantile(0.5, sum by (le, model) (rate(llm_time_per_output_token_seconds_bucket{service="a\\"b"}[1m])))');
  expect(tpotQuery('prompt_version', {}, '1m')).toBeUndefined();
  expect(tpotQuery('model', { user: 'u' }, '1m')).toBeUndefined();
});
