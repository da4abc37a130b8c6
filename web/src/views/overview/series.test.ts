import { expect, test } from 'vitest';
import { perSecond, quotient, split, total } from './series';

test('rates over what the range covers of a step', () => {
  // 60 s steps from 0; the range is 30..190: half of the first step, a sixth of the last.
  expect(perSecond([30, 60, 120, 5], [0, 60, 120, 180], 60, 30, 190)).toEqual([1, 1, 2, null]);
});

test('quotients', () => {
  expect(quotient([1, 0, 5], [2, 0, 5])).toEqual([0.5, null, 1]);
  expect(total([1, null, 2])).toBe(3);
});

test('split timelines are stacked from the largest', () => {
  const zeros = { errors: [0, 0], input_tokens: [0, 0], output_tokens: [0, 0], cost_usd: [0, 0] };
  const t = { step_seconds: 60, times: ['a', 'b'], series: [{ value: 'small', calls: [1, 0], ...zeros }, { value: '__other__', calls: [9, 9], ...zeros }, { value: 'none', calls: [0, 0], ...zeros }, { value: '', calls: [3, 0], ...zeros }] };
  expect(split(t, 'calls', (v) => v || 'unknown').map((s) => [s.name, s.label])).toEqual([['__other__', '__other__'], ['–', 'unknown'], ['small', 'small']]);
});
