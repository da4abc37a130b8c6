import { expect, test } from 'vitest';
import { groupsOf, meanSeries, timesOf } from './cells';
import type { Cell } from './data';

const c = (time: number, group: string, n: number, sum: number, all = n): Cell => ({ time, group, n, sum, all });
const cells = [c(0, 'a', 2, 1), c(120, 'a', 2, 2), c(60, 'b', 10, 5, 12), c(60, 'c', 0, 0, 1)];

test('steps without judgements are gaps', () => {
  const times = timesOf(cells, 60);
  expect(times).toEqual([0, 60, 120]);
  expect(groupsOf(cells, times, 60).map((g) => [g.name, g.all, g.scores, g.course])).toEqual([['b', 12, { n: 10, sum: 5 }, [null, 0.5, null]], ['a', 4, { n: 4, sum: 3 }, [0.5, null, 1]], ['c', 1, { n: 0, sum: 0 }, [null, null, null]]]);
  expect(timesOf([], 60)).toEqual([]);
});

test('means come with their bounds while few enough to tell apart', () => {
  const times = timesOf(cells, 60);
  const shaded = meanSeries(cells, times, 60, 8, 2);
  expect(shaded.map((s) => s.name)).toEqual(['b', 'b high', 'b low', 'a', 'a high', 'a low']); // c has no score
  expect(shaded[1]).toMatchObject({ of: 'b', bandTo: 'b low' });
  const [low, high] = [shaded[2]?.values[1] ?? 0, shaded[1]?.values[1] ?? 0];
  expect(low).toBeGreaterThan(0.2);
  expect(low).toBeLessThan(0.5);
  expect(high).toBeCloseTo(1 - low, 6);
  expect(meanSeries(cells, times, 60, 8, 1).map((s) => s.name)).toEqual(['b', 'a']);
});
