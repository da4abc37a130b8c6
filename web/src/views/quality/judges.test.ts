import { expect, test } from 'vitest';
import type { Sample } from '~/api/prom';
import { judgesOf } from './judges';

const s = (judge: string, result: string, n: number): Sample => ({ metric: { judge, result }, value: [0, String(n)] });

test('the state is what happened last, the counts are of the range', () => {
  const runs = [s('a', 'ok', 100), s('a', 'failed', 3), s('b', 'ok', 50), s('c', 'ok', 9), s('d', 'failed', 7)];
  const recent = [s('a', 'ok', 5), s('a', 'failed', 1), s('b', 'paused', 4), s('b', 'ok', 2), s('d', 'failed', 7)];
  const judges = judgesOf(runs, recent, [{ metric: { judge: 'a' }, value: [0, '0.25'] }]);
  expect(judges.map((j) => [j.name, j.state])).toEqual([['a', 'ok'], ['b', 'paused'], ['c', 'idle'], ['d', 'failing']]);
  expect(judges[0]).toMatchObject({ ok: 100, failed: 3, paused: 0, cost: 0.25 });
  expect(judges[1]?.cost).toBeUndefined();
});
