import { expect, test } from 'vitest';
import { add, meanOf, pOfDifference, tenths, wilson } from './stats';

test("Wilson's interval as in the books", () => {
  const a = wilson(0.8, 10);
  expect(a?.low).toBeCloseTo(0.4902, 3);
  expect(a?.high).toBeCloseTo(0.9433, 3);
  const none = wilson(0, 10);
  expect(none?.low).toBe(0);
  expect(none?.high).toBeCloseTo(0.2775, 3); // nothing failed of ten is not nothing
  expect(wilson(1, 10)?.high).toBe(1);
  expect(wilson(0.5, 0)).toBeUndefined();
  expect(wilson(1.2, 5)).toBeUndefined();
  // More of the same is more certain.
  const width = (n: number) => { const w = wilson(0.7, n); return (w?.high ?? 0) - (w?.low ?? 0); };
  expect(width(400)).toBeLessThan(width(100) * 0.55);
});

test('tallies add up; an empty one has no mean', () => {
  expect(meanOf(add({ n: 2, sum: 1 }, { n: 3, sum: 3 }))).toBe(0.8);
  expect(meanOf({ n: 0, sum: 0 })).toBeUndefined();
});

test('a score of 1 belongs to the last tenth', () => {
  expect(tenths([{ bucket: 10, n: 3 }, { bucket: 9, n: 1 }, { bucket: 0, n: 2 }])).toEqual([2, 0, 0, 0, 0, 0, 0, 0, 0, 4]);
});

test('a difference that noise makes has a large p', () => {
  expect(pOfDifference({ n: 1000, sum: 500 }, { n: 1000, sum: 550 })).toBeCloseTo(0.0251, 3); // z = 2.239
  expect(pOfDifference({ n: 10, sum: 8 }, { n: 12, sum: 9 })).toBeGreaterThan(0.5);
  expect(pOfDifference({ n: 50, sum: 50 }, { n: 10, sum: 10 })).toBe(1);
  expect(pOfDifference({ n: 0, sum: 0 }, { n: 10, sum: 10 })).toBe(1);
});
