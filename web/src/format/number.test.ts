import { expect, test } from 'vitest';
import { bytes, change, duration, format, percent, short, unknown, usd } from './number';

test('durations from microseconds to days', () => {
  for (const [s, want] of [[0, '0 s'], [0.00034, '340 µs'], [0.0123, '12.3 ms'], [0.9996, '1 s'], [1.254, '1.25 s'], [59.96, '1 min'], [125, '2 min 5 s'], [3600, '1 h'], [3661, '1 h 1 min'], [180000, '2 d 2 h'], [-2, '−2 s']] as const) {
    expect(duration(s)).toBe(want);
  }
});

test('money keeps the digits that matter', () => {
  for (const [n, want] of [[0, '$0'], [0.00042, '$0.00042'], [0.0123456, '$0.0123'], [1, '$1.00'], [12.3, '$12.30'], [1234.5, '$1,234.50'], [12345, '$12.3K'], [-3, '−$3.00'], [1e-9, '<$0.0000001']] as const) {
    expect(usd(n)).toBe(want);
  }
});

test('percentages never round to all or nothing', () => {
  expect(percent(0)).toBe('0%');
  expect(percent(0.00001)).toBe('<0.01%');
  expect(percent(0.99999)).toBe('>99.99%');
  expect(percent(1)).toBe('100%');
  expect(percent(0.0123)).toBe('1.23%');
  expect(percent(0.456)).toBe('45.6%');
});

test('short, bytes, change', () => {
  expect(short(999)).toBe('999');
  expect(short(12345)).toBe('12.3K');
  expect(short(999999)).toBe('1M');
  expect(short(0.0042)).toBe('0.0042');
  expect(bytes(1536)).toBe('1.5 KiB');
  expect(change(110, 100)).toBe('+10%');
  expect(change(99.5, 100)).toBe('−0.5%');
  expect(change(5000, 100)).toBe('×50');
});

test('unknown is a dash', () => {
  for (const f of [duration, usd, percent, short, bytes]) for (const v of [undefined, null, NaN]) expect(f(v)).toBe(unknown);
  expect(change(1, 0)).toBe(unknown);
  expect(format(undefined, 'usd')).toBe(unknown);
});
