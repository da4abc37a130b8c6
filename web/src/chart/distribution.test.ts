import { expect, test } from 'vitest';
import { ridgePath, shares, used } from './ridge';
import { linearTicks, logTicks, position } from './ticks';
import { treemap } from './treemap';

test('marks of axes are round and within', () => {
  expect(linearTicks(0, 0.037)).toEqual([0, 0.01, 0.02, 0.03]);
  expect(linearTicks(0, 100)).toEqual([0, 20, 40, 60, 80, 100]);
  expect(linearTicks(-10, 10, 4)).toEqual([-10, -5, 0, 5, 10]);
  expect(linearTicks(0, 0)).toEqual([0]);
  expect(logTicks(0.1, 10)).toEqual([0.1, 0.2, 0.5, 1, 2, 5, 10]);
  expect(logTicks(0.0001, 100, 7)).toEqual([0.0001, 0.001, 0.01, 0.1, 1, 10, 100]);
  expect(logTicks(0, 1)).toEqual([]);
});

test('positions stop at the ends', () => {
  expect(position(1, 0.1, 10, true)).toBeCloseTo(0.5);
  expect(position(30, 0, 10, false)).toBe(1);
  expect(position(0, 0.1, 10, true)).toBe(0);
  expect(position(1, 5, 5, false)).toBe(0);
});

test('shares keep their sum, and groups of any size are comparable', () => {
  const a = shares([0, 10, 20, 10, 0]);
  expect(a.reduce((x, y) => x + y, 0)).toBeCloseTo(1);
  expect(shares([0, 1000, 2000, 1000, 0])).toEqual(a);
  expect(shares([5, 0, 0]).reduce((x, y) => x + y, 0)).toBeCloseTo(1); // what is in the outer bucket is not lost
  expect(shares([0, 0])).toEqual([]);
});

test('only the used part of the axis is shown', () => {
  expect(used([[0, 0, 0.5, 0.5, 0, 0, 0], [0, 0, 0, 1, 0, 0, 0]])).toEqual([1, 4]);
  expect(used([])).toEqual([0, 0]);
});

test('a ridge starts and ends at its base and passes through every middle', () => {
  const d = ridgePath([0.2, 0.8], [1, 4, 16], (v) => Math.log2(v) * 10, (s) => 100 - s * 100, 100);
  expect(d).toBe('M10.0 100.0L10.0 80.0C20.0 80.0 20.0 20.0 30.0 20.0L30.0 100.0Z');
  expect(ridgePath([], [], (v) => v, (v) => v, 0)).toBe('');
});

test('a treemap fills its rectangle in proportion', () => {
  const values = [6, 6, 4, 3, 2, 2, 1, 0, -1];
  const tiles = treemap(values, 600, 400);
  expect(tiles.map((t) => t.index).sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  for (const t of tiles) {
    expect(t.width * t.height).toBeCloseTo(((values[t.index] ?? 0) / 24) * 240_000, 3);
    expect(t.x).toBeGreaterThanOrEqual(-1e-9);
    expect(t.x + t.width).toBeLessThanOrEqual(600 + 1e-6);
    expect(t.y + t.height).toBeLessThanOrEqual(400 + 1e-6);
    expect(Math.max(t.width / t.height, t.height / t.width)).toBeLessThan(3); // the example of the paper
  }
  for (const a of tiles) for (const b of tiles) {
    if (a === b) continue;
    const apart = a.x + a.width <= b.x + 1e-6 || b.x + b.width <= a.x + 1e-6 || a.y + a.height <= b.y + 1e-6 || b.y + b.height <= a.y + 1e-6;
    expect(apart).toBe(true);
  }
  expect(treemap([], 10, 10)).toEqual([]);
});
