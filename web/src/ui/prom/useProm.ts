// What panels ask in PromQL. Queries of the same expression, range and step are
// one request, whichever panel asks.

import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { exemplars, expand, instant, niceStep, range, rateInterval, type Sample, type Series } from '~/api/prom';
import type { ChartExemplar } from '~/chart/TimeChart';
import { fromClassic, fromNative, type HeatGrid } from '~/chart/heatmap';
import { useTime, type TimeRange } from '~/state/time';
import { gridOf, nativeOf, parted, thin, union, type Grid } from './data';
import type { Chosen } from './definition';

export interface PromTarget {
  ref?: string;
  expr: string;
  /** {{label}} is replaced. */
  legend: string;
  /** Gives the colour of the only series, where the legend is a word of the language. */
  name?: string;
  exemplars?: boolean;
}

export interface Scope {
  range: TimeRange;
  grid: Grid;
  /** Fills in variables and macros. */
  expand(expr: string): string;
}

/** The range and the step of a panel with about `points` points. */
export function useScope(chosen: Chosen = {}, o: { points?: number; minStep?: number } = {}): Scope {
  const { range: r } = useTime();
  const step = Math.max(niceStep(r.seconds, o.points ?? 120), o.minStep ?? 0);
  return { range: r, grid: gridOf(r.from, r.to, step), expand: (expr) => expand(expr, chosen, { step, range: r.seconds }) };
}

/** Several expressions in one request: a browser has few connections to a server. */
async function together<T extends { metric: Record<string, string> }>(exprs: readonly string[], ask: (expr: string) => Promise<T[]>): Promise<T[][]> {
  const first = exprs[0];
  if (first === undefined) return [];
  if (exprs.length === 1) return [await ask(first)];
  return parted(await ask(union(Object.fromEntries(exprs.map((e, i) => [String(i), e])))), exprs.length);
}

export interface RangeAnswer {
  grid: Grid;
  targets: { legend: string; name?: string; series: Series[] }[];
}

export function usePromRange(targets: readonly PromTarget[], scope: Scope, enabled = true): UseQueryResult<RangeAnswer> {
  const exprs = targets.map((t) => scope.expand(t.expr));
  const { grid } = scope;
  return useQuery({
    queryKey: ['prom-range', exprs, targets.map((t) => [t.legend, t.name]), grid],
    queryFn: async ({ signal }) => {
      const answers = await together<Series>(exprs, (e) => range(e, grid.start, grid.end, grid.step, signal));
      return { grid, targets: answers.map((series, i) => ({ legend: targets[i]?.legend ?? '', name: targets[i]?.name, series })) };
    },
    placeholderData: (was) => was,
    enabled,
  });
}

/** Each target at the end of the range. */
export function usePromInstant(targets: readonly { expr: string }[], scope: Scope, enabled = true): UseQueryResult<Sample[][]> {
  const exprs = targets.map((t) => scope.expand(t.expr));
  const time = scope.range.to / 1000;
  return useQuery({
    queryKey: ['prom-instant', exprs, time],
    queryFn: ({ signal }) => together<Sample>(exprs, (e) => instant(e, time, signal)),
    placeholderData: (was) => was,
    enabled,
  });
}

/** A few exemplars of all that the targets show. They move on in larger steps than the charts: there are thousands. */
export function useExemplars(targets: readonly PromTarget[], scope: Scope, enabled = true, most = 60): ChartExemplar[] {
  const wanted = targets.filter((t) => t.exemplars);
  const first = wanted[0];
  const expr = first === undefined ? '' : scope.expand(first.expr);
  const coarse = Math.max(scope.grid.step, 30);
  const { start, end } = gridOf(scope.range.from, scope.range.to, coarse);
  const q = useQuery({
    queryKey: ['prom-exemplars', expr, start, end],
    queryFn: async ({ signal }) => thin(await exemplars(expr, start, end + coarse, signal), start, end + coarse, most),
    placeholderData: (was) => was,
    enabled: enabled && expr !== '',
  });
  return expr === '' ? [] : (q.data ?? []);
}

/** A heatmap of a histogram: of its native form where the server keeps one, else of its classic buckets. */
export function useHeatmap(expr: string, scope: Scope, enabled = true): UseQueryResult<HeatGrid | null> {
  const full = scope.expand(expr);
  const { grid } = scope;
  // A window is at least that of a rate; what is counted is brought back to one column.
  const counted = /\bincrease\(/.test(expr) ? (expr.includes('$__rate_interval') ? grid.step / rateInterval(grid.step) : 1) : grid.step;
  return useQuery({
    queryKey: ['prom-heatmap', full, grid],
    queryFn: async ({ signal }) => {
      const native = nativeOf(full) ?? (full.includes('_bucket') ? undefined : full);
      if (native !== undefined) {
        const answer = await range(native, grid.start, grid.end, grid.step, signal);
        const made = fromNative(answer.flatMap((s) => s.histograms ?? []), grid, 36, counted);
        if (made !== undefined) return made;
      }
      const classic = full.includes('_bucket') ? full : classicOf(full);
      return classic === undefined ? null : (fromClassic(await range(classic, grid.start, grid.end, grid.step, signal), grid, counted) ?? null);
    },
    placeholderData: (was) => was,
    enabled,
  });
}

/** The classic buckets of a native histogram, for stores that have no other. */
function classicOf(native: string): string | undefined {
  const m = /^sum\s*\((rate|increase)\((\w+)(\{.*\})?(\[[^\]]+\])\)\)$/s.exec(native);
  return m === null ? undefined : `sum by (le) (${m[1]}(${m[2]}_bucket${m[3] ?? ''}${m[4]}))`;
}
