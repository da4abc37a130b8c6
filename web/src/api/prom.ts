// The Prometheus HTTP API: what pages ask in PromQL.

import { request } from './client';

export type Labels = Record<string, string>;

/** A native histogram at one moment: buckets are [boundary rule, lower, upper, count]. */
export interface NativeHistogram {
  count: string;
  sum: string;
  buckets?: [number, string, string, string][];
}

export interface Series {
  metric: Labels;
  values?: [number, string][];
  histograms?: [number, NativeHistogram][];
}

export interface Sample {
  metric: Labels;
  value?: [number, string];
  histogram?: [number, NativeHistogram];
}

export interface Exemplar {
  labels: Labels;
  value: string;
  timestamp: number;
}

export interface ExemplarSeries {
  seriesLabels: Labels;
  exemplars: Exemplar[];
}

export type QueryResult = { resultType: 'vector'; result: Sample[] } | { resultType: 'matrix'; result: Series[] } | { resultType: 'scalar' | 'string'; result: [number, string] };

interface Answer<T> {
  status: 'success';
  data: T;
  warnings?: string[];
  infos?: string[];
}

/** Asks any endpoint of the API: `/query_range`, `/rules`, … Long queries go by POST. */
export async function prom<T>(path: string, params: Record<string, string | number | readonly string[] | undefined>, signal?: AbortSignal): Promise<Answer<T>> {
  const r = await request('/api/v1' + path, { params, signal });
  return (await r.json()) as Answer<T>;
}

/** Evaluates an expression at a time (Unix seconds). */
export async function instant(expr: string, time: number, signal?: AbortSignal): Promise<Sample[]> {
  const a = await prom<QueryResult>('/query', { query: expr, time }, signal);
  if (a.data.resultType === 'vector') return a.data.result;
  if (a.data.resultType === 'scalar') return [{ metric: {}, value: a.data.result }];
  return [];
}

/** Evaluates an expression over a range (Unix seconds). */
export async function range(expr: string, start: number, end: number, step: number, signal?: AbortSignal): Promise<Series[]> {
  const a = await prom<QueryResult>('/query_range', { query: expr, start, end, step }, signal);
  return a.data.resultType === 'matrix' ? a.data.result : [];
}

export async function exemplars(expr: string, start: number, end: number, signal?: AbortSignal): Promise<ExemplarSeries[]> {
  return (await prom<ExemplarSeries[]>('/query_exemplars', { query: expr, start, end }, signal)).data;
}

/**
 * A step that gives about `points` points, from a list of round ones, never
 * below the scrape interval.
 */
export function niceStep(seconds: number, points = 120): number {
  const raw = seconds / points;
  for (const s of [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400]) {
    if (s >= raw) return s;
  }
  return Math.ceil(raw / 86400) * 86400;
}

/** The window for rate(): four scrapes at least, and no gap between points. */
export function rateInterval(step: number, scrape = 15): number {
  return Math.max(step + scrape, 4 * scrape);
}

export function promDuration(seconds: number): string {
  for (const [unit, n] of [['d', 86400], ['h', 3600], ['m', 60]] as const) {
    if (seconds % n === 0 && seconds >= n) return `${seconds / n}${unit}`;
  }
  return `${Math.max(1, Math.round(seconds))}s`;
}

/** Quotes a string for a label matcher. */
export function quote(s: string): string {
  return '"' + s.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n') + '"';
}

/** Replaces Grafana's variables and macros in a dashboard's expression: an empty choice is every value. */
export function expand(expr: string, variables: Record<string, readonly string[]>, o: { step: number; range: number }): string {
  let e = expr;
  for (const [name, chosen] of Object.entries(variables)) {
    const value = chosen.length === 0 ? '.*' : chosen.map((v) => v.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
    const escaped = value.replace(/\\/g, '\\\\').replace(/"/g, '\\"');
    e = e.replaceAll('${' + name + ':regex}', escaped).replaceAll('${' + name + '}', escaped).replace(new RegExp('\\$' + name + '\\b', 'g'), () => escaped);
  }
  return e.replaceAll('$__rate_interval', promDuration(rateInterval(o.step))).replaceAll('$__interval', promDuration(o.step)).replaceAll('$__range', promDuration(o.range));
}
