// What is shown of the groups of costs.

import type { Group, Timeline } from '~/api/types';
import type { ChartSeries } from '~/chart/TimeChart';
import { groupName } from '~/ui/dimensions';

type Totals = Group['totals'];

export interface CostRow {
  key: string;
  name: string;
  values: Record<string, string>;
  totals: Totals;
  unpriced: number;
  /** Calls with a price. */
  priced: number;
  /** A part of the cost is estimated. */
  estimated: boolean;
  perCall?: number;
  /** Of calls with a price, as perCall. */
  perThousandOutput?: number;
  share: number;
}

export const unpricedOf = (t: Totals): number => t.by_state?.['unpriced']?.calls ?? 0;

/** A group over all states of cost; pricedOutput is the output of its calls with a price. */
export interface Merged extends Group {
  pricedOutput: number;
}

/** Adds groups up that differ in the state of their cost only. */
export function mergeStates(groups: readonly Group[], by: readonly string[]): Merged[] {
  const out = new Map<string, Merged>();
  for (const g of groups) {
    const values = Object.fromEntries(by.map((d) => [d, g.values?.[d] ?? '']));
    const key = JSON.stringify(by.map((d) => values[d]));
    const priced = g.values?.['cost.state'] === 'unpriced' ? 0 : g.totals.output_tokens;
    const was = out.get(key);
    if (was === undefined) {
      out.set(key, { ...g, values, pricedOutput: priced });
      continue;
    }
    const sums: Totals = { ...was.totals, by_state: { ...was.totals.by_state } };
    for (const k of ['calls', 'errors', 'input_tokens', 'output_tokens', 'cost_usd', 'cache_read_tokens', 'cache_write_tokens', 'reasoning_tokens', 'duration_seconds_sum'] as const) {
      if (was.totals[k] !== undefined || g.totals[k] !== undefined) sums[k] = (was.totals[k] ?? 0) + (g.totals[k] ?? 0);
    }
    for (const [state, v] of Object.entries(g.totals.by_state ?? {})) {
      const before = sums.by_state?.[state];
      sums.by_state = { ...sums.by_state, [state]: { calls: (before?.calls ?? 0) + v.calls, cost_usd: (before?.cost_usd ?? 0) + v.cost_usd } };
    }
    out.set(key, { ...was, totals: sums, pricedOutput: was.pricedOutput + priced });
  }
  return [...out.values()];
}

/** The cost for people: unknown where no call of it has a price, and never a silent 0. */
export function costOf(t: Totals): number | undefined {
  return t.calls > 0 && unpricedOf(t) === t.calls ? undefined : t.cost_usd;
}

export function costRow(g: Merged, by: readonly string[], total: number): CostRow {
  const values = g.values ?? {};
  const unpriced = unpricedOf(g.totals);
  const priced = g.totals.calls - unpriced;
  return {
    key: JSON.stringify(by.map((d) => values[d] ?? '')),
    name: groupName(values, by),
    values: Object.fromEntries(by.map((d) => [d, values[d] ?? ''])),
    totals: g.totals,
    unpriced,
    priced,
    estimated: (g.totals.by_state?.['estimated']?.cost_usd ?? 0) > 0,
    perCall: priced > 0 ? g.totals.cost_usd / priced : undefined,
    perThousandOutput: priced > 0 && g.pricedOutput > 0 ? (g.totals.cost_usd * 1000) / g.pricedOutput : undefined,
    share: total > 0 ? g.totals.cost_usd / total : 0,
  };
}

export type TrendOf = 'cost_usd' | 'tokens' | 'calls';

/** A trend from the timeline: the largest first. */
export function timelineTrend(t: Timeline, of: TrendOf, none: string): { times: number[]; series: ChartSeries[] } {
  const series = (t.series ?? []).map((s): ChartSeries => ({
    name: s.value === '' ? none : s.value,
    values: of === 'calls' ? s.calls : of === 'cost_usd' ? (s.cost_usd ?? []) : (s.input_tokens ?? []).map((v, i) => v + (s.output_tokens?.[i] ?? 0)),
  }));
  return { times: t.times.map((x) => Date.parse(x) / 1000), series: largest(series) };
}

const sum = (s: ChartSeries) => s.values.reduce<number>((a, v) => a + (v ?? 0), 0);

function largest(series: ChartSeries[]): ChartSeries[] {
  return series.map((s) => ({ s, n: s.name === '__other__' ? -1 : sum(s) })).sort((a, b) => b.n - a.n).map((x) => x.s);
}

/** A trend of several dimensions, from groups that have a step each: most series, and the others added up. */
export function groupTrend(groups: readonly Group[], by: readonly string[], of: TrendOf, step: number, most = 8): { times: number[]; series: ChartSeries[] } {
  const seconds = (g: Group) => Date.parse(g.time ?? '') / 1000;
  const known = groups.filter((g) => Number.isFinite(seconds(g)));
  if (known.length === 0) return { times: [], series: [] };
  const first = Math.min(...known.map(seconds));
  const n = Math.round((Math.max(...known.map(seconds)) - first) / step) + 1;
  const all = new Map<string, ChartSeries>();
  for (const g of known) {
    const name = groupName(g.values ?? {}, by);
    const s: ChartSeries = all.get(name) ?? { name, values: new Array<number>(n).fill(0) };
    all.set(name, s);
    s.values[Math.round((seconds(g) - first) / step)] = of === 'calls' ? g.totals.calls : of === 'cost_usd' ? g.totals.cost_usd : g.totals.input_tokens + g.totals.output_tokens;
  }
  const sorted = largest([...all.values()]);
  const rest = sorted.slice(most);
  const series = sorted.slice(0, most);
  if (rest.length > 0) series.push({ name: '__other__', values: Array.from({ length: n }, (_, i) => rest.reduce((a, s) => a + (s.values[i] ?? 0), 0)) });
  return { times: Array.from({ length: n }, (_, i) => first + i * step), series };
}
