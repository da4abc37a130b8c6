import { expect, test } from 'vitest';
import { nearest, place, scaleOf } from './scatter';

test('the scale holds every duration, between powers of ten', () => {
  const s = scaleOf([{ time: 5, seconds: 0.3 }, { time: 7, seconds: 42 }], 0, 10);
  expect(s).toMatchObject({ from: 0, to: 10 });
  expect(s.low).toBeCloseTo(0.1);
  expect(s.high).toBeCloseTo(100);
  expect(scaleOf([], 0, 10)).toEqual({ from: 0, to: 10, low: 0.1, high: 10 });
  expect(scaleOf([{ time: 1, seconds: 1 }], 0, 10).high).toBe(10);
  // A trace may begin before the range in which one of its spans lies.
  expect(scaleOf([{ time: -5, seconds: 1 }], 0, 10).from).toBe(-5);
});

test('points lie where they belong and are found again', () => {
  const s = scaleOf([{ time: 0, seconds: 1 }, { time: 10, seconds: 100 }], 0, 10);
  const points = [{ time: 0, seconds: 1, spans: 1 }, { time: 5, seconds: 10, spans: 500 }, { time: 10, seconds: 100, spans: 3 }].map((t) => place(s, 200, 100, t));
  expect(points.map((p) => [p.x, Math.round(p.y)])).toEqual([[0, 100], [100, 50], [200, 0]]);
  expect(nearest(points, 104, 54)).toBe(1);
  expect(nearest(points, 50, 20)).toBe(-1);
});
