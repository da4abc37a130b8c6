// The question to ask about an alert: the same that the server asks before it
// notifies (docs/explain.md). Pure.

import type { Labels } from '~/api/prom';
import type { AlertItem } from './alerts';

/** Labels of metrics and the dimensions of calls that they are. */
const dimensions: Record<string, string> = {
  service: 'service', environment: 'environment', provider: 'provider', upstream: 'upstream', model: 'model', method: 'operation', operation: 'operation', user: 'user',
  feature: 'feature', prompt_name: 'prompt_name', agent: 'agent', workflow: 'workflow', region: 'region',
};

function quantile(base: string, e: string): string {
  const m = /histogram_quantile\(\s*0?\.(\d+)|[:_]p(\d\d)(?![0-9a-z])/.exec(e);
  if (m === null) return e.includes('_sum') && e.includes('_count') ? `${base}_mean` : `${base}_p95`;
  const q = m[1] === undefined ? Number(m[2]) / 100 : Number('0.' + m[1]);
  return base + (q <= 0.7 ? '_p50' : q < 0.98 ? '_p95' : '_p99');
}

/** What the signals of the anomalies measure. */
const signals: Record<string, string> = { rate: 'requests', latency: 'latency_p95', first_token: 'ttft_p95', errors: 'error_rate', tokens: 'tokens', cost: 'cost' };

/** What an expression is about, by the metrics in it. */
export function metricOf(expr: string): string | undefined {
  const e = expr.toLowerCase();
  const has = (...names: string[]) => names.some((n) => e.includes(n));
  if (e === '') return undefined;
  const signal = /llm:signal:[a-z0-9_]+\{[^}]*signal="([a-z_]+)"/.exec(e)?.[1];
  if (signal !== undefined) return signals[signal];
  if (has('response_quality_score', 'llm_feedback', 'slo:quality')) return 'quality';
  if (has('time_to_first', 'ttft')) return quantile('ttft', e);
  if (has('time_per_output', 'inter_token', 'tpot')) return quantile('tpot', e);
  if (has('tokens_per_second', 'token_generation_rate')) return 'tokens_per_second';
  if (has('token_cost_per_request', 'slo:cost')) return 'cost_per_call';
  if (has('cost_usd', 'cost_per_million')) return 'cost';
  if (has('llm_errors_total', 'operation_errors', 'error_count', 'status="error"', "status='error'", 'status!="success"', 'slo:availability', 'sli_error', 'error_ratio', 'error_rate', 'request_errors', 'errors:')) return 'error_rate';
  if (has('request_duration', 'request_latency', 'operation_duration', 'latency')) return quantile('latency', e);
  if (has('token')) return has('type="input"', 'input_token') ? 'input_tokens' : has('type="output"', 'output_token') ? 'output_tokens' : 'tokens';
  if (has('llm_requests', 'active_requests', 'requests:')) return 'requests';
  return undefined;
}

/** Whether an expression may be about calls without saying so: recorded series, families of LLMs that are not listed. */
function opaque(expr: string): boolean {
  return expr === '' || /[A-Za-z0-9_]:[A-Za-z_]|\b(llm|gen_ai)_/.test(expr);
}

const named = [
  ['quality', 'quality'], ['feedback', 'quality'], ['firsttoken', 'ttft_p95'], ['ttft', 'ttft_p95'], ['tpot', 'tpot_p95'], ['intertoken', 'tpot_p95'], ['tokengeneration', 'tokens_per_second'], ['generationrate', 'tokens_per_second'],
  ['stall', 'stall_rate'], ['truncat', 'truncation_rate'], ['costpercall', 'cost_per_call'], ['cost', 'cost'], ['spend', 'cost'], ['error', 'error_rate'], ['availability', 'error_rate'], ['failure', 'error_rate'],
  ['latency', 'latency_p95'], ['duration', 'latency_p95'], ['slow', 'latency_p95'], ['tokenusage', 'tokens'], ['tokens', 'tokens'], ['throughput', 'requests'], ['traffic', 'requests'], ['requestrate', 'requests'],
] as const;

/** What an alert is about, by its name. */
export function metricOfName(name: string): string | undefined {
  const n = name.toLowerCase();
  return named.find(([part]) => n.includes(part))?.[1];
}

/** Seconds of the longest range in an expression, an hour at most. */
export function longestRange(expr: string): number {
  const unit: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86400, w: 604800, y: 31536000 };
  let most = 0;
  for (const m of expr.matchAll(/\[((?:\d+(?:ms|[smhdwy]))+)(?::[^\]]*)?\]|(?:ratio_rate|increase|rate)(\d+[smhd])\b/g)) {
    let s = 0;
    for (const p of (m[1] ?? m[2] ?? '').matchAll(/(\d+)(ms|[smhdwy])/g)) s += Number(p[1]) * (unit[p[2] ?? ''] ?? 0);
    most = Math.max(most, s);
  }
  return Math.min(most, 3600);
}

function term(name: string, value: string): string {
  return `${name}=${/^[\w.:/@-]+$/.test(value) ? value : JSON.stringify(value)}`;
}

/** The calls that the labels of an alert mean. */
export function selection(labels: Labels): string {
  return Object.entries(dimensions).flatMap(([label, dim]) => {
    const v = labels[label];
    return v === undefined || v === '' || v === '__other__' ? [] : [term(dim, v)];
  }).join(' ');
}

/** Parameters of GET /explain for an alert; undefined where it is not about calls. */
export function explainParams(a: AlertItem, now: number): Record<string, string> | undefined {
  const metric = a.annotations.pitot_metric ?? a.labels.pitot_metric ?? metricOf(a.expr ?? '') ?? (opaque(a.expr ?? '') ? metricOfName(a.name) : undefined);
  if (metric === undefined || a.labels.budget !== undefined) return undefined;
  const before = Math.max(longestRange(a.expr ?? '') + 300, 600) * 1000;
  const end = Math.max(Math.min(now, a.since + 3600_000), a.since);
  return { metric, select: selection(a.labels), start: new Date(a.since - before).toISOString(), end: new Date(end).toISOString() };
}
