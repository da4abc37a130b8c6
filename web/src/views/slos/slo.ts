// Objectives: their order, their series, the calls behind them. Pure.

import { niceStep, quote, type Series } from '~/api/prom';
import type { SLOStatus } from '~/api/types';
import { parseDuration } from '~/state/time';

const order: Record<SLOStatus['state'], number> = { exhausted: 0, burning: 1, error: 2, ok: 3, no_data: 4 };

/** The worst first: what is overspent most, then what burns, then by what is left. */
export function worstFirst(list: readonly SLOStatus[]): SLOStatus[] {
  return [...list].sort((a, b) => order[a.state] - order[b.state] || (a.budget_remaining ?? 1) - (b.budget_remaining ?? 1) || a.name.localeCompare(b.name));
}

/** What tells the label sets of one objective apart: all its labels but its name. */
export function variant(s: SLOStatus): string {
  return Object.entries(s.labels ?? {}).filter(([k]) => k !== 'slo').sort(([a], [b]) => a.localeCompare(b)).map(([k, v]) => `${k}=${v}`).join(',');
}

/** {slo="…",service="…"}: the series of an objective. */
export function selector(s: SLOStatus, name?: string): string {
  const labels = { slo: s.name, ...s.labels };
  return `{${[...(name === undefined ? [] : [name]), ...Object.entries(labels).map(([k, v]) => `${k}=${quote(v)}`)].join(',')}}`;
}

/** Seconds of a window; a calendar month is what is past of it. */
export function windowSeconds(window: string, now: number): number {
  if (window === 'month') {
    const d = new Date(now);
    return Math.max(3600, (now - Date.UTC(d.getUTCFullYear(), d.getUTCMonth(), 1)) / 1000);
  }
  return parseDuration(window) ?? 30 * 86400;
}

/** The burn rate of a window; undefined where it is not known. */
export function burn(s: SLOStatus, window: string): number | undefined {
  return s.burn_rates?.find((b) => b.window === window)?.rate;
}

/** The window at which an alert is nearest to its factor, which says how bad it is. */
export function hottest(s: SLOStatus): { window: string; rate: number; factor: number; level: string; met: boolean } | undefined {
  let best: ReturnType<typeof hottest>;
  for (const a of s.alerts ?? []) {
    const rate = burn(s, a.long);
    if (rate !== undefined && (best === undefined || rate / a.factor > best.rate / best.factor)) best = { window: a.long, rate, factor: a.factor, level: a.level, met: a.met };
  }
  return best;
}

/** The page of the calls that count against an objective, as far as its labels say. */
export function badCalls(s: SLOStatus): string | undefined {
  const q = new URLSearchParams();
  for (const [label, param] of [['service', 'service'], ['provider', 'provider'], ['model', 'model'], ['method', 'operation']] as const) {
    const v = s.labels?.[label];
    if (v !== undefined && v !== '') q.set(param, v);
  }
  switch (s.indicator) {
    case 'availability': case 'error_free_streams': q.set('status', 'error'); break;
    case 'latency': case 'ttft': case 'tpot': q.set('order', 'slowest'); break;
    case 'cost_per_request': q.set('order', 'costliest'); break;
    case 'quality': return '/quality' + (q.toString() === '' ? '' : '?' + q.toString());
    default: return undefined;
  }
  return '/calls?' + q.toString();
}

/** The window of a recorded series' name: slo:sli_error:ratio_rate1h is 1h. */
export function windowOf(series: Series): string {
  return /ratio_rate(\w+)$/.exec(series.metric.__name__ ?? '')?.[1] ?? '';
}

/** The time of the first sample of any of the series, Unix seconds. */
export function firstSample(list: readonly Series[]): number | undefined {
  const all = list.flatMap((s) => (s.values?.[0] === undefined ? [] : [s.values[0][0]]));
  return all.length === 0 ? undefined : Math.min(...all);
}

/** Where a record begins late in a span, the part of the span that has one, with a step that shows it; else undefined. */
export function recordedPart(span: { from: number; to: number; step: number }, first: number | undefined): { from: number; to: number; step: number } | undefined {
  if (first === undefined || first - span.from <= 0.2 * (span.to - span.from)) return undefined;
  // The first sample on the grid may be up to a step after the first that there is.
  const from = Math.max(span.from, first - span.step);
  return { from, to: span.to, step: Math.min(span.step, niceStep(span.to - from, 240)) };
}

/** The times of a span's points: those of short steps stand still, those of long ones end with the span, for what is newest matters most. */
export function gridOf({ from, to, step }: { from: number; to: number; step: number }): { start: number; end: number } {
  const end = Math.floor(to / Math.min(step, 300)) * Math.min(step, 300);
  return { start: Math.min(end, end - Math.floor((end - from) / step) * step), end };
}

/** A selector at steps that are longer than Prometheus looks back: with what was recorded last in each. */
export function overSteps(expr: string, step: number): string {
  return step <= 300 ? expr : `last_over_time(${expr}[${step}s])`;
}
