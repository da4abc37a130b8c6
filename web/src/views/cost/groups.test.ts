import { expect, test } from 'vitest';
import type { Group, Timeline } from '~/api/types';
import { costOf, costRow, groupTrend, mergeStates, timelineTrend } from './groups';

const totals = (o: Partial<Group['totals']> = {}): Group['totals'] => ({ calls: 10, errors: 0, input_tokens: 100, output_tokens: 50, cost_usd: 2, ...o });

test('what has no price is unknown, not free', () => {
  const none = totals({ cost_usd: 0, by_state: { unpriced: { calls: 10, cost_usd: 0 } } });
  expect(costOf(none)).toBeUndefined();
  const r = costRow({ values: { model: 'm' }, totals: none, pricedOutput: 0 }, ['model'], 0);
  expect([r.perCall, r.perThousandOutput, r.unpriced, r.share]).toEqual([undefined, undefined, 10, 0]);
  expect(costOf(totals({ cost_usd: 0, by_state: { computed: { calls: 10, cost_usd: 0 } } }))).toBe(0); // free is known
});

test('the cost of a call is that of calls with a price', () => {
  const r = costRow({ values: { model: 'm' }, totals: totals({ by_state: { unpriced: { calls: 6, cost_usd: 0 }, estimated: { calls: 1, cost_usd: 0.1 } } }), pricedOutput: 50 }, ['model'], 8);
  expect([r.perCall, r.perThousandOutput, r.estimated, r.share]).toEqual([0.5, 40, true, 0.25]);
  expect(costRow({ values: null, totals: totals(), pricedOutput: 50 }, ['user'], 0)).toMatchObject({ name: '(none)', values: { user: '' }, perThousandOutput: 40 });
});

test('states are added up, and the output of unpriced calls prices nothing', () => {
  const g = (state: string, cost: number, output: number): Group => ({ values: { model: 'm', 'cost.state': state }, totals: totals({ cost_usd: cost, output_tokens: output, by_state: { [state]: { calls: 10, cost_usd: cost } } }) });
  const [m, ...rest] = mergeStates([g('computed', 4, 100), g('unpriced', 0, 900), g('estimated', 1, 25)], ['model']);
  expect(rest).toEqual([]);
  expect(m).toMatchObject({ values: { model: 'm' }, pricedOutput: 125, totals: { calls: 30, cost_usd: 5, output_tokens: 1025, by_state: { unpriced: { calls: 10 }, estimated: { cost_usd: 1 } } } });
  if (m !== undefined) expect(costRow(m, ['model'], 5).perThousandOutput).toBe(40);
});

test('trends: the largest first, the rest last', () => {
  const t: Timeline = { step_seconds: 60, times: ['1970-01-01T00:00:00Z', '1970-01-01T00:01:00Z'], series: [{ value: '__other__', calls: [9, 9], errors: [0, 0], cost_usd: [9, 9] }, { value: 'a', calls: [1, 1], errors: [0, 0], cost_usd: [1, 0], input_tokens: [1, 2], output_tokens: [3, 4] }, { value: 'b', calls: [1, 1], errors: [0, 0], cost_usd: [2, 2] }] };
  expect(timelineTrend(t, 'cost_usd', '-').series.map((s) => s.name)).toEqual(['b', 'a', '__other__']);
  expect(timelineTrend(t, 'tokens', '-').series.find((s) => s.name === 'a')?.values).toEqual([4, 6]);
});

test('several dimensions are added up beyond the largest', () => {
  const g = (minute: number, p: string, cost: number): Group => ({ time: new Date(minute * 60_000).toISOString(), values: { p, v: '1' }, totals: totals({ cost_usd: cost }) });
  const { times, series } = groupTrend([g(2, 'a', 1), g(0, 'b', 5), g(1, 'c', 2), g(2, 'c', 2)], ['p', 'v'], 'cost_usd', 60, 1);
  expect(times).toEqual([0, 60, 120]);
  expect(series).toEqual([{ name: 'b · 1', values: [5, 0, 0] }, { name: '__other__', values: [0, 2, 3] }]);
});
