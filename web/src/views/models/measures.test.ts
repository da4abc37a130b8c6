import { expect, test } from 'vitest';
import type { ComparedGroup } from '~/api/types';
import { axisEnd, cacheShare, keyOf, measureOf, measures, versusOf, type Row } from './measures';

const group: ComparedGroup = {
  values: { model: 'a' }, calls: 100, errors: 4, effective_calls: 100, error_rate: { value: 0.04, low: 0.016, high: 0.098 },
  input_tokens: 10, output_tokens: 20, input_tokens_per_call: 0.1, output_tokens_per_call: 0.2, cost_usd: 1, unpriced_calls: 30,
  versus: [{ measure: 'error_rate', verdict: 'same', difference: 0.01, p_value: 0.4, p_adjusted: 1 }],
};
const row: Row = { key: 'a', name: 'a', group };

test('n is what a measure rests on, not all calls', () => {
  expect(measureOf('cost_per_call').n(row)).toBe(70);
  expect(measureOf('tokens_per_second').n(row)).toBe(96);
  expect(measureOf('ttft_p50').n(row)).toBe(0);
});

test('what a group does not have is unknown, never 0', () => {
  for (const id of ['latency_p50', 'tpot_p50', 'cost_per_call', 'cost_per_1k', 'cache_share', 'quality', 'tokens_per_second']) expect(measureOf(id).of(row)).toBeUndefined();
  expect(cacheShare({ input_tokens: 0, cache_read_tokens: 0 })).toBeUndefined();
  expect(cacheShare({ input_tokens: 200, cache_read_tokens: 50 })).toBe(0.25);
});

test('verdicts are found by measure', () => {
  expect(versusOf(row, measureOf('error_rate'))?.verdict).toBe('same');
  expect(versusOf(row, measureOf('latency_p99'))).toBeUndefined();
  expect(new Set(measures.map((m) => m.id)).size).toBe(measures.length);
});

test('keys name a group for the parameter baseline', () => {
  expect(keyOf({ model: 'gpt-4o' }, ['model'])).toBe('gpt-4o');
  expect(keyOf({ prompt_name: 'p', prompt_version: '7' }, ['prompt_name', 'prompt_version'])).toBe('["p","7"]');
  expect(keyOf({}, ['region'])).toBe('[""]');
  expect(keyOf({ model: '[x]' }, ['model'])).toBe('["[x]"]');
});

test('one wide interval does not squeeze the others', () => {
  expect(axisEnd([{ value: 1, low: 0.9, high: 1.1 }, { value: 2, high: 90 }])).toBe(3.2);
  expect(axisEnd([{ value: 1, high: 1.2 }])).toBe(1.2);
  expect(axisEnd([undefined])).toBe(1);
});
