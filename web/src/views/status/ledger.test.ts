import { expect, test } from 'vitest';
import { balance, droppedOf } from './ledger';

test('received = stored + in flight + dropped', () => {
  const e = { source: 'otlp', received: 10, restored: 2, stored: 5, in_flight: 2, journaled: 1, dropped: { sampled: 2, too_large: 1 } };
  expect(droppedOf(e)).toBe(3);
  expect(balance(e)).toBe(0);
  expect(balance({ ...e, stored: 4 })).toBe(1);
});
