import { expect, test } from 'vitest';
import { parseDuration, parseTime, previous, resolve } from './time';

const now = Date.UTC(2026, 0, 2, 12, 0, 0);

test('durations', () => {
  expect(parseDuration('90m')).toBe(5400);
  expect(parseDuration('1h30m')).toBe(5400);
  expect(parseDuration('250ms')).toBe(0.25);
  expect(parseDuration('2d')).toBe(172800);
  for (const bad of ['', '5', 'h', '-1h', '1x', '1h ']) expect(parseDuration(bad)).toBeUndefined();
});

test('moments in every form that the API takes', () => {
  expect(parseTime('now', now)).toBe(now);
  expect(parseTime('-1h', now)).toBe(now - 3600_000);
  expect(parseTime('now-15m', now)).toBe(now - 900_000);
  expect(parseTime('1767355200', now)).toBe(1767355200_000);
  expect(parseTime('1767355200123', now)).toBe(1767355200123);
  expect(parseTime('2026-01-02T12:00:00Z', now)).toBe(now);
  for (const bad of ['', 'soon', '-', '-1y']) expect(parseTime(bad, now)).toBeUndefined();
});

test('ranges', () => {
  expect(resolve('-1h', 'now', now)).toMatchObject({ from: now - 3600_000, to: now, seconds: 3600, live: true });
  // A start that is relative counts from the end, as the API has it.
  expect(resolve('-1h', '2026-01-01T00:00:00Z', now)).toMatchObject({ from: Date.UTC(2025, 11, 31, 23), live: false });
  // What makes no sense is the default, and says so in its text.
  expect(resolve('tomorrow', 'x', now)).toMatchObject({ start: '-1h', end: 'now', seconds: 3600 });
  expect(resolve('2026-01-03T00:00:00Z', 'now', now)).toMatchObject({ start: '-1h', seconds: 3600 });
  const r = resolve('-1h', 'now', now);
  expect(previous(r)).toEqual({ from: now - 7200_000, to: now - 3600_000 });
});
