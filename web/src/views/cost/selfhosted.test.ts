import { expect, test } from 'vitest';
import type { Series } from '~/api/prom';
import { latestByModel, paidPerMillion, totalsOverTime } from './selfhosted';

const s = (model: string, phase: string, values: [number, string][]): Series => ({ metric: { model, phase }, values });

test('phases add up, and what is gone or no number is not counted', () => {
  const series = [s('a', 'decode', [[1, '1'], [2, '2']]), s('a', 'idle', [[1, '1'], [2, '0.5']]), s('b', 'idle', [[1, '9']]), s('c', 'idle', [[2, 'NaN']])];
  expect(latestByModel(series)).toEqual([{ model: 'a', phases: { decode: 2, idle: 0.5 }, total: 2.5 }]);
  expect(latestByModel([])).toEqual([]);
});

test('a part is no total', () => {
  const { times, series } = totalsOverTime([s('a', 'decode', [[1, '1'], [2, '2']]), s('a', 'idle', [[2, '3']])]);
  expect(times).toEqual([1, 2]);
  expect(series).toEqual([{ name: 'a', values: [null, 5] }]);
});

test('what is mostly unpriced has no price per million', () => {
  const g = (model: string, unpriced: number) => ({ values: { model }, pricedOutput: 0, totals: { calls: 100, errors: 0, input_tokens: 900_000, output_tokens: 100_000, cost_usd: 2, by_state: { unpriced: { calls: unpriced, cost_usd: 0 } } } });
  expect(paidPerMillion([g('a', 3), g('b', 50)])).toEqual([{ model: 'a', usd: 2 }]);
});
