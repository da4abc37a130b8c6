import { expect, test } from 'vitest';
import { clamp, pan, ruler, zoom } from './view';

test('a view never leaves the whole', () => {
  expect(clamp({ from: -1, to: 3 }, 10)).toEqual({ from: 0, to: 4 });
  expect(clamp({ from: 8, to: 14 }, 10)).toEqual({ from: 4, to: 10 });
  expect(clamp({ from: -5, to: 50 }, 10)).toEqual({ from: 0, to: 10 });
  expect(pan({ from: 2, to: 4 }, 100, 10)).toEqual({ from: 8, to: 10 });
  expect(pan({ from: 2, to: 4 }, -100, 10)).toEqual({ from: 0, to: 2 });
});

test('zooming keeps the moment under the cursor', () => {
  const v = zoom({ from: 0, to: 10 }, 0.5, 3, 10);
  expect(v).toEqual({ from: 1.5, to: 6.5 });
  expect((3 - v.from) / (v.to - v.from)).toBeCloseTo(0.3);
  expect(zoom(v, 100, 3, 10)).toEqual({ from: 0, to: 10 });
});

test('rulers have round steps', () => {
  expect(ruler({ from: 0, to: 10 }, 6)).toEqual([0, 2, 4, 6, 8, 10]);
  expect(ruler({ from: 0.13, to: 0.19 }, 6).map((x) => +x.toFixed(3))).toEqual([0.13, 0.14, 0.15, 0.16, 0.17, 0.18, 0.19]);
  expect(ruler({ from: 0, to: 600 }, 6)).toEqual([0, 120, 240, 360, 480, 600]);
  expect(ruler({ from: 0, to: 0 }, 6)).toEqual([]);
  for (const width of [1e-4, 0.37, 3, 42, 4000, 1e6]) expect(ruler({ from: 0, to: width }, 8).length).toBeLessThanOrEqual(10);
});
