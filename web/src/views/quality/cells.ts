// Scores over time and by group, from counts of each step and group.

import type { ChartSeries } from '~/chart/TimeChart';
import type { Cell } from './data';
import { add, meanOf, wilson, type Tally } from './stats';

export interface GroupOfScores {
  name: string;
  all: number;
  scores: Tally;
  /** Mean by step. */
  course: (number | null)[];
}

/** All steps from the first to the last that has a judgement. */
export function timesOf(cells: readonly Cell[], step: number): number[] {
  const known = cells.map((c) => c.time).filter(Number.isFinite);
  if (known.length === 0) return [];
  const first = Math.min(...known);
  return Array.from({ length: Math.round((Math.max(...known) - first) / step) + 1 }, (_, i) => first + i * step);
}

export function groupsOf(cells: readonly Cell[], times: readonly number[], step: number): GroupOfScores[] {
  const out = new Map<string, GroupOfScores>();
  const first = times[0] ?? 0;
  for (const c of cells) {
    const g = out.get(c.group) ?? { name: c.group, all: 0, scores: { n: 0, sum: 0 }, course: new Array<number | null>(times.length).fill(null) };
    g.all += c.all;
    g.scores = add(g.scores, c);
    g.course[Math.round((c.time - first) / step)] = meanOf(c) ?? null;
    out.set(c.group, g);
  }
  return [...out.values()].sort((a, b) => b.all - a.all);
}

/** Means with the bounds of their intervals, of few groups: more shades than these cannot be told apart. */
export function meanSeries(cells: readonly Cell[], times: readonly number[], step: number, most: number, shaded: number): ChartSeries[] {
  const groups = groupsOf(cells, times, step).filter((g) => g.scores.n > 0).slice(0, most);
  const first = times[0] ?? 0;
  return groups.flatMap((g): ChartSeries[] => {
    const main: ChartSeries = { name: g.name, values: g.course };
    if (groups.length > shaded) return [main];
    const low = new Array<number | null>(times.length).fill(null);
    const high = new Array<number | null>(times.length).fill(null);
    for (const c of cells) {
      if (c.group !== g.name) continue;
      const w = wilson(Math.min(1, Math.max(0, c.sum / c.n)), c.n);
      const i = Math.round((c.time - first) / step);
      low[i] = w?.low ?? null;
      high[i] = w?.high ?? null;
    }
    return [main, { name: `${g.name} high`, of: g.name, values: high, bandTo: `${g.name} low`, dash: [1, 3] }, { name: `${g.name} low`, of: g.name, values: low, dash: [1, 3] }];
  });
}
