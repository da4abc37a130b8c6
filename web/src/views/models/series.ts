// Measures over time from groups that have a step each.

import type { Group, Timeline } from '~/api/types';
import type { ChartSeries } from '~/chart/TimeChart';
import { groupName } from '~/ui/dimensions';
import { cacheShare, type MeasureId } from './measures';

type Totals = Group['totals'];

const ratio = (a: number, b: number) => (b > 0 ? a / b : null);

/** Calls whose cost is known. */
export function pricedCalls(t: Totals): number {
  return t.calls - (t.by_state?.['unpriced']?.calls ?? 0);
}

/** A measure of the calls of one step; null where they do not tell. */
export function ofStep(t: Totals, id: MeasureId): number | null {
  switch (id) {
    case 'calls': return t.calls;
    case 'error_rate': return ratio(t.errors, t.calls);
    case 'cost_per_call': return ratio(t.cost_usd, pricedCalls(t));
    case 'cost_per_1k': return pricedCalls(t) > 0 ? ratio(t.cost_usd * 1000, t.output_tokens) : null; // a lower bound where some of the calls have no price
    case 'tokens_per_second': return ratio(t.output_tokens, t.duration_seconds_sum ?? 0);
    case 'cache_share': return cacheShare(t) ?? null;
    default: return null;
  }
}

/** Turns groups with a time into series over all times that occur; a time without a group is a gap, or no calls. */
export function stepSeries(groups: readonly Group[], by: readonly string[], id: MeasureId, shown: ReadonlySet<string> | undefined, step: number): { times: number[]; series: ChartSeries[] } {
  const seconds = (g: Group) => Date.parse(g.time ?? '') / 1000;
  const known = groups.map(seconds).filter(Number.isFinite);
  if (known.length === 0) return { times: [], series: [] };
  const first = Math.min(...known);
  const n = Math.round((Math.max(...known) - first) / step) + 1;
  const times = Array.from({ length: n }, (_, i) => first + i * step);
  const series = new Map<string, ChartSeries & { total: number }>();
  for (const g of groups) {
    const name = groupName(g.values ?? {}, by);
    if (shown !== undefined && !shown.has(name)) continue;
    let s = series.get(name);
    if (s === undefined) series.set(name, (s = { name, values: new Array<number | null>(n).fill(id === 'calls' ? 0 : null), total: 0 }));
    s.values[Math.round((seconds(g) - first) / step)] = ofStep(g.totals, id);
    s.total += g.totals.calls;
  }
  return { times, series: [...series.values()].sort((a, b) => b.total - a.total) };
}

/** Quantiles of the timeline as series. */
export function quantileSeries(t: Timeline, id: MeasureId, shown: ReadonlySet<string> | undefined, none: string): { times: number[]; series: ChartSeries[] } {
  const [of, q] = id.split('_') as ['latency' | 'ttft', 'p50' | 'p95' | 'p99'];
  const series: ChartSeries[] = [];
  for (const s of t.series ?? []) {
    const name = s.value === '' ? none : s.value;
    const values = s[`${of}_seconds`]?.[q];
    if (values !== undefined && name !== '__other__' && (shown === undefined || shown.has(name))) series.push({ name, values });
  }
  return { times: t.times.map((x) => Date.parse(x) / 1000), series };
}

/** PromQL of the median time per output token, where its labels suffice. */
export function tpotQuery(by: string, filters: Record<string, string>, window: string): string | undefined {
  const labels: Record<string, string> = { service: 'service', provider: 'provider', model: 'model', operation: 'method' };
  const dims = by.split(',').map((d) => labels[d]);
  if (dims.some((d) => d === undefined)) return undefined;
  const matchers: string[] = [];
  for (const [k, v] of Object.entries(filters)) {
    const l = labels[k];
    if (l === undefined) return undefined;
    matchers.push(`${l}=${JSON.stringify(v)}`);
  }
  return `histogram_quantile(0.5, sum by (le, ${dims.join(', ')}) (rate(llm_time_per_output_token_seconds_bucket{${matchers.join(',')}}[${window}])))`;
}
