// What the scatter plot can draw: columns of the sample with their names in
// selections of explain and in LogsQL.

import type { Params } from '~/api/client';
import type { components } from '~/api/schema';
import type { Unit } from '~/format/number';
import { allOf } from './filters';
import type { Region } from './scale';

export type Sample = components['schemas']['Sample'];

export const measures = ['duration', 'ttft', 'tpot', 'tokens_per_second', 'cost', 'input_tokens', 'output_tokens'] as const;
export type Measure = (typeof measures)[number];

interface Info {
  column: 'duration_seconds' | 'ttft_seconds' | 'tpot_seconds' | 'tokens_per_second' | 'cost_usd' | 'input_tokens' | 'output_tokens';
  field: string;
  unit: Unit;
  /** The metric of explain that asks why these are as they are. */
  metric: string;
}

export const infoOf: Record<Measure, Info> = {
  duration: { column: 'duration_seconds', field: 'duration_seconds', unit: 'seconds', metric: 'latency_mean' },
  ttft: { column: 'ttft_seconds', field: 'ttft_seconds', unit: 'seconds', metric: 'ttft_mean' },
  tpot: { column: 'tpot_seconds', field: 'tpot_seconds', unit: 'seconds', metric: 'tpot_mean' },
  tokens_per_second: { column: 'tokens_per_second', field: 'tokens_per_second', unit: 'tokens_per_second', metric: 'tokens_per_second' },
  cost: { column: 'cost_usd', field: 'cost.usd', unit: 'usd', metric: 'cost_per_call' },
  input_tokens: { column: 'input_tokens', field: 'usage.input_tokens', unit: 'tokens', metric: 'input_tokens_per_call' },
  output_tokens: { column: 'output_tokens', field: 'usage.output_tokens', unit: 'tokens', metric: 'output_tokens_per_call' },
};

const iso = (ms: number) => new Date(ms).toISOString();
const number = (v: number) => String(Number(v.toPrecision(6)));

/** The calls of a region as a LogsQL filter, with its time. */
export function regionLogsQL(r: Region, measure: Measure): string {
  const f = infoOf[measure].field;
  return `_time:[${iso(r.from)}, ${iso(r.to)}) ${f}:>=${number(r.low)} ${f}:<=${number(r.high)}`;
}

/** What to ask explain: the calls of the region against all others of the page's range and filter. */
export function explainParams(r: Region, measure: Measure, metric: string, filter: string, range: { start: string; end: string }): Params {
  return {
    metric, start: iso(r.from), end: iso(r.to), select: `${measure}>=${number(r.low)} ${measure}<=${number(r.high)}`, query: filter,
    baseline_start: range.start, baseline_end: range.end, baseline_query: allOf(filter, `!(${regionLogsQL(r, measure)})`),
  };
}
