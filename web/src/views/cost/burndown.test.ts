import { expect, test } from 'vitest';
import type { BudgetStatus } from '~/api/types';
import { burnDown, standing } from './burndown';

type Account = NonNullable<BudgetStatus['top']>[number];

const account = (spent: number, o: Partial<Account> = {}): Account => ({ spent, remaining: 100 - spent, ratio: spent / 100, calls: 1, ...o });

const budget = (o: Partial<BudgetStatus>): BudgetStatus => ({ name: 'b', unit: 'usd', period: 'month', start: '', end: '', limit: 100, spent: 0, calls: 0, accounts: 1, exceeded: 0, enforce: 'off', thresholds: [50, 80, 100], ...o });

test('a budget stands as its worst account does', () => {
  expect(standing(budget({ spent: 20, top: [account(20, { forecast: 60 })] }))).toEqual({ state: 'ok', ratio: 0.2, threshold: undefined });
  expect(standing(budget({ spent: 81, top: [account(81, { forecast: 90 })] }))).toMatchObject({ state: 'near', threshold: 80 });
  expect(standing(budget({ spent: 60, top: [account(60, { forecast: 130 })] })).state).toBe('forecast');
  expect(standing(budget({ spent: 100 })).state).toBe('exceeded');
  // With an account for each user the sum may well be above the limit of one.
  expect(standing(budget({ each: 'user', accounts: 9, spent: 450, top: [account(40, { account: 'u', forecast: 50 })] }))).toMatchObject({ state: 'ok', ratio: 0.4 });
  expect(standing(budget({ each: 'user', exceeded: 2, top: [account(140, { account: 'u' })] })).state).toBe('exceeded');
});

test('a burn-down goes from the limit to where the forecast says', () => {
  const b = burnDown([[100, 30], [150, 40]], { limit: 100, spent: 50, forecast: 90 }, 0, 400, 200, 60);
  // What lies between the start and the first known value is not known.
  expect(b.times).toEqual([0, 50, 100, 150, 200, 400]);
  expect(b.remaining).toEqual([100, null, 70, 60, 50, null]);
  expect(b.even).toEqual([100, 87.5, 75, 62.5, 50, 0]);
  expect(b.projected).toEqual([null, null, null, null, 50, 10]);
  expect(burnDown([], { limit: 100, spent: 50, forecast: 150 }, 0, 400, 200, 60).projected.at(-1)).toBe(-50);
  expect(burnDown([], { limit: 100, spent: 50 }, 0, 400, 200, 60).projected.every((v) => v === null)).toBe(true);
});
