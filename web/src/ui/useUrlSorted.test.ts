import { expect, test } from 'vitest';
import { nextOrder, parseOrder, sortRows } from './useUrlSorted';

test('unknown is last, whichever way is up', () => {
  const rows = [{ v: 2 }, { v: undefined }, { v: 10 }, { v: 1 }];
  expect(sortRows(rows, (r) => r.v, false).map((r) => r.v)).toEqual([1, 2, 10, undefined]);
  expect(sortRows(rows, (r) => r.v, true).map((r) => r.v)).toEqual([10, 2, 1, undefined]);
  expect(sortRows(rows, undefined, true)).toEqual(rows);
});

test('a title sorts largest first, and again turns it around', () => {
  expect(nextOrder(parseOrder('-calls'), 'cost')).toBe('-cost');
  expect(nextOrder(parseOrder('-cost'), 'cost')).toBe('cost');
  expect(nextOrder(parseOrder('cost'), 'cost')).toBe('-cost');
});
