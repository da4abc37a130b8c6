import { expect, test } from 'vitest';
import type { Call } from '~/api/types';
import { readFilters } from './filters';
import { meets, rateOf, splitLive } from './useLive';

const call = { id: '1', time: '', source: 'gateway', status: 'ok', duration_seconds: 1, usage: { source: 'reported' }, cost: { state: 'computed' }, request_model: 'gpt-4o', response_model: 'gpt-4o-2024', user: 'u1', finish_reasons: ['stop'], tags: { team: 'a' } } as Call;
const conditions = (q: string) => readFilters(new URLSearchParams(q)).conditions;

test('the page filters by what the endpoint does not know', () => {
  expect(splitLive(readFilters(new URLSearchParams('user=u1&where=model=a,b&min_duration=2s')))).toEqual({
    params: { user: 'u1', min_duration: '2s', max_duration: '' }, rest: [{ field: 'model', not: false, values: ['a', 'b'] }],
  });
});

test('with a search or a LogsQL filter the server filters by all', () => {
  expect(splitLive(readFilters(new URLSearchParams('user=u1&where=model=a,b&search=x&query=y:z&min_duration=2s')))).toEqual({
    params: { user: 'u1', min_duration: '2s', max_duration: '', search: 'x', query: 'y:z (model:in("a","b") or response_model:in("a","b"))' }, rest: [],
  });
});

test('the rate of arrivals counts from when one began to listen', () => {
  expect(rateOf([500, 1000, 1500, 2000], 0, 2000)).toBe(2);
  expect(rateOf([100], 0, 200)).toBe(1);
  const arrivals = [0, 1000, 50_000, 51_000, 52_000];
  expect(rateOf(arrivals, 0, 52_000)).toBe(0.3);
  expect(arrivals).toEqual([50_000, 51_000, 52_000]);
});

test('a call meets conditions as the server would say', () => {
  for (const yes of ['where=model=x,gpt-4o', 'where=model=gpt-4o-2024,x', 'where=user!=u2', 'tags.team=a', 'where=finish_reasons="[\\"stop\\"]"', 'where=cost.state=computed,unpriced', 'where=agent!=x', '']) expect(meets(call, conditions(yes)), yes).toBe(true);
  for (const no of ['where=model=x,y', 'where=model!=gpt-4o', 'where=user!=u1,u2', 'where=agent=x,y', 'tags.team=b', 'where=user=u1,u2&where=stream=true']) expect(meets(call, conditions(no)), no).toBe(false);
});
