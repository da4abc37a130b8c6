// What groups of calls are compared by, and how each measure reads.

import type { ComparedGroup, Totals, Versus } from '~/api/types';
import type { Unit } from '~/format/number';

export interface Row {
  /** As the parameter baseline names it. */
  key: string;
  name: string;
  group: ComparedGroup;
  /** Of the same calls; absent while it is not known. */
  totals?: Totals;
}

export interface Estimate {
  value: number;
  low?: number;
  high?: number;
}

export type MeasureId = 'calls' | 'latency_p50' | 'latency_p95' | 'latency_p99' | 'ttft_p50' | 'ttft_p95' | 'tpot_p50' | 'tokens_per_second' | 'error_rate' | 'cost_per_call' | 'cost_per_1k' | 'cache_share' | 'quality';

export interface Measure {
  id: MeasureId;
  unit: Unit;
  better: 'more' | 'less' | 'neither';
  of: (row: Row) => Estimate | undefined;
  /** How many observations it rests on. */
  n: (row: Row) => number;
  /** The server's test of it, where there is one. */
  test?: Versus['measure'];
  /** The distribution that it is a quantile of. */
  distribution?: 'latency_seconds' | 'ttft_seconds' | 'tpot_seconds';
}

const value = (v: number | undefined): Estimate | undefined => (v === undefined ? undefined : { value: v });

function quantile(id: MeasureId, distribution: NonNullable<Measure['distribution']>, q: 'p50' | 'p95' | 'p99', test?: Versus['measure']): Measure {
  return { id, unit: 'seconds', better: 'less', distribution, test, of: (r) => r.group[distribution]?.[q], n: (r) => r.group[distribution]?.count ?? 0 };
}

const priced = (r: Row) => r.group.calls - (r.group.unpriced_calls ?? 0);

export const measures: readonly Measure[] = [
  { id: 'calls', unit: 'count', better: 'neither', of: (r) => value(r.group.calls), n: (r) => r.group.calls },
  quantile('latency_p50', 'latency_seconds', 'p50', 'latency_p50'),
  quantile('latency_p95', 'latency_seconds', 'p95', 'latency_p95'),
  quantile('latency_p99', 'latency_seconds', 'p99'),
  quantile('ttft_p50', 'ttft_seconds', 'p50', 'ttft_p50'),
  quantile('ttft_p95', 'ttft_seconds', 'p95', 'ttft_p95'),
  quantile('tpot_p50', 'tpot_seconds', 'p50', 'tpot_p50'),
  { id: 'tokens_per_second', unit: 'tokens_per_second', better: 'more', of: (r) => value(r.group.tokens_per_second), n: (r) => r.group.calls - r.group.errors },
  { id: 'error_rate', unit: 'ratio', better: 'less', test: 'error_rate', of: (r) => r.group.error_rate, n: (r) => r.group.calls },
  { id: 'cost_per_call', unit: 'usd', better: 'less', test: 'cost_per_call', of: (r) => r.group.cost_per_call, n: priced },
  { id: 'cost_per_1k', unit: 'usd', better: 'less', of: (r) => value(r.group.cost_per_1k_output_tokens), n: priced },
  { id: 'cache_share', unit: 'ratio', better: 'more', of: (r) => value(cacheShare(r.totals)), n: (r) => r.totals?.calls ?? 0 },
  { id: 'quality', unit: 'score', better: 'more', test: 'quality', of: (r) => r.group.quality, n: (r) => r.group.quality?.count ?? 0 },
];

export function measureOf(id: string): Measure {
  return measures.find((m) => m.id === id) ?? (measures[1] as Measure);
}

/** The part of the input that came from a cache. Without input there is none to speak of. */
export function cacheShare(t: Pick<Totals, 'input_tokens' | 'cache_read_tokens'> | undefined): number | undefined {
  return t === undefined || t.input_tokens === 0 ? undefined : (t.cache_read_tokens ?? 0) / t.input_tokens;
}

/** What the server found for a measure of a group; undefined for the baseline and for what is not tested. */
export function versusOf(row: Row, m: Measure): Versus | undefined {
  return m.test === undefined ? undefined : row.group.versus?.find((v) => v.measure === m.test);
}

/** How a group is named in the URL: its value, or an array in JSON where by has several, or where the value alone would say something else. */
export function keyOf(values: Record<string, string>, by: readonly string[]): string {
  const list = by.map((d) => values[d] ?? '');
  const [only = ''] = list;
  return list.length === 1 && only !== '' && !only.startsWith('[') ? only : JSON.stringify(list);
}

/** The end of an axis that shows every value, but not all of an interval that is far wider than the others' values. */
export function axisEnd(estimates: readonly (Estimate | undefined)[]): number {
  const known = estimates.filter((e): e is Estimate => e !== undefined);
  const top = Math.max(0, ...known.map((e) => e.value));
  const intervals = Math.max(0, ...known.map((e) => e.high ?? e.value));
  return Math.min(intervals, top * 1.6) || 1;
}
