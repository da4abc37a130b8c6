import { expect, test } from 'vitest';
import { bars, callsLink, explainValue, lift, liftText } from './explanation';

test('values have the unit of the metric', () => {
  for (const [v, unit, want] of [[1.5, 'seconds', '1.5 s'], [0.034, 'ratio', '3.4%'], [0.002, 'USD', '$0.002'], [12, 'per second', '12/s'], [3, 'USD/h', '$3.00/h'], [48.12, 'tokens/s', '48.1 tok/s'], [undefined, 'seconds', '–']] as const) expect(explainValue(v, unit)).toBe(want);
});

test('lift compares shares, and is nothing without a baseline', () => {
  expect(lift(0.73, 0.07)).toBeCloseTo(10.43, 2);
  expect(lift(0.5, 0)).toBeUndefined();
  expect([10.43, 2.04, 1, 0.333, undefined].map(liftText)).toEqual(['×10', '×2', '≈', '×0.33', '']);
});

test('bars share a scale', () => {
  expect(bars(10, 5)).toEqual([100, 50]);
  expect(bars(0, 0)).toEqual([0, 0]);
  expect(bars(undefined, 2)).toEqual([0, 100]);
});

test('links of causes stay in the explorer', () => {
  expect(callsLink('model=a+b&start=x')).toBe('/calls?model=a+b&start=x');
  expect(callsLink('//evil.example/?x')).toMatch(/^\/calls\?/);
});
