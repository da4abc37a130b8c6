// What model servers say of themselves, a row each.

import type { Sample } from '~/api/prom';

export interface ServerRow {
  key: string;
  server: string;
  model: string;
  instance: string;
  job: string;
  up?: boolean;
  values: Record<Measure, number | undefined>;
}

const by = 'server, model, instance, job';
const sum = (e: string) => `sum by (${by}) (${e})`;
const p95 = (family: string) => `histogram_quantile(0.95, sum by (${by}, le) (rate(${family}_bucket[5m])))`;

/** Each measure of a server in PromQL. */
export const measures = {
  running: sum('llm_server_requests_running'),
  waiting: sum('llm_server_requests_waiting'),
  kv: `max by (${by}) (llm_server_kv_cache_usage_ratio)`,
  prefix: `avg by (${by}) (llm_server_prefix_cache_hit_ratio)`,
  preemptions: sum('rate(llm_server_preemptions_total[5m])'),
  prompt: sum('rate(llm_server_prompt_tokens_total[5m])'),
  generated: sum('rate(llm_server_generation_tokens_total[5m])'),
  ttft: p95('llm_server_time_to_first_token_seconds'),
  tpot: p95('llm_server_time_per_output_token_seconds'),
  queue: p95('llm_server_queue_time_seconds'),
  requests: sum('rate(llm_server_requests_total[5m])'),
} as const;
export type Measure = keyof typeof measures;

/** Servers that were there within a window, though they are down now. */
export const seen = (window: string) => `group by (${by}) (last_over_time({__name__=~"llm_server_requests_running|llm_server_requests_total"}[${window}]))`;

const empty = (): Record<Measure, number | undefined> => Object.fromEntries(Object.keys(measures).map((m) => [m, undefined])) as Record<Measure, number | undefined>;

/** The rows of the answers of all measures; up tells by job and instance whether the last scrape worked. */
export function serverRows(samples: readonly Sample[], up: readonly Sample[]): ServerRow[] {
  const states = new Map(up.map((s) => [`${s.metric.job} ${s.metric.instance}`, s.value?.[1] === '1']));
  const rows = new Map<string, ServerRow>();
  for (const s of samples) {
    const { server = '', model = '', instance = '', job = '', pitot_part: part } = s.metric;
    const key = [server, model, instance].join(' ');
    const row = rows.get(key) ?? { key, server, model, instance, job, up: states.get(`${job} ${instance}`), values: empty() };
    const value = Number(s.value?.[1]);
    if (part !== undefined && part in measures && Number.isFinite(value)) row.values[part as Measure] = value;
    rows.set(key, row);
  }
  return [...rows.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** The sum of a measure over servers; undefined where none has it. */
export function totalOf(rows: readonly ServerRow[], m: Measure): number | undefined {
  const known = rows.map((r) => r.values[m]).filter((v) => v !== undefined);
  return known.length === 0 ? undefined : known.reduce((a, b) => a + b, 0);
}
