// How budgets stand, and how fast they burn.

import type { BudgetStatus } from '~/api/types';

export type BudgetState = 'exceeded' | 'forecast' | 'near' | 'ok';

export interface Standing {
  state: BudgetState;
  /** Of the account that is furthest: 1 is the limit. */
  ratio: number;
  /** The highest threshold that was passed, in percent. */
  threshold?: number;
}

type Account = NonNullable<BudgetStatus['top']>[number];

/** What an account has spent of the limit. */
export function ratioOf(a: Pick<Account, 'ratio' | 'spent'> | undefined, limit: number): number {
  return a === undefined || limit <= 0 ? 0 : (a.ratio ?? (a.spent ?? 0) / limit);
}

export function standing(b: BudgetStatus): Standing {
  const ratio = Math.max(ratioOf(b.top?.[0], b.limit), b.each === undefined && b.limit > 0 ? b.spent / b.limit : 0);
  const threshold = [...(b.thresholds ?? [])].sort((x, y) => y - x).find((t) => ratio * 100 >= t);
  if (b.exceeded > 0 || ratio >= 1) return { state: 'exceeded', ratio, threshold };
  if ((b.top ?? []).some((a) => (a.forecast ?? 0) > b.limit)) return { state: 'forecast', ratio, threshold };
  return { state: threshold === undefined ? 'ok' : 'near', ratio, threshold };
}

export interface BurnDown {
  times: number[];
  remaining: (number | null)[];
  even: (number | null)[];
  projected: (number | null)[];
}

/**
 * What is left over the period, beside an even pace and what the present speed
 * leads to. points are [Unix seconds, spent] every step seconds; at the start
 * nothing is spent, and now what the budget says. Below 0 is over.
 */
export function burnDown(points: readonly [number, number][], b: { limit: number; spent: number; forecast?: number }, start: number, end: number, now: number, step: number): BurnDown {
  const known: [number, number][] = [[start, 0], ...points.filter(([t]) => t > start && t < now), [now, b.spent]];
  const times: number[] = [];
  const remaining: (number | null)[] = [];
  for (const [t, spent] of known) {
    const last = times.at(-1);
    if (last !== undefined && t - last > 1.5 * step) {
      times.push((t + last) / 2);
      remaining.push(null);
    }
    times.push(t);
    remaining.push(b.limit - spent);
  }
  if (end > now) {
    times.push(end);
    remaining.push(null);
  }
  return {
    times,
    remaining,
    even: times.map((t) => b.limit * (1 - (t - start) / (end - start))),
    projected: times.map((t) => (b.forecast === undefined || t < now ? null : t === now ? b.limit - b.spent : b.limit - b.forecast)),
  };
}
