// Shaping of what PromQL answers: names, tables, CSV, bars of histograms, places
// of errors. Pure.

import type { Labels, NativeHistogram, Sample, Series } from '~/api/prom';
import { csvText } from '~/format/csv';
import type { Unit } from '~/format/number';

/** {a="b"} with the name before it, as in PromQL. */
export function seriesName(metric: Labels, without: ReadonlySet<string> = new Set()): string {
  const labels = Object.entries(metric).filter(([k]) => k !== '__name__' && !without.has(k)).map(([k, v]) => `${k}=${JSON.stringify(v)}`);
  const name = without.has('__name__') ? '' : (metric.__name__ ?? '');
  return labels.length === 0 ? (name === '' ? '{}' : name) : `${name}{${labels.join(', ')}}`;
}

/** Labels that are the same in every series: a legend does not repeat them. */
export function commonLabels(list: readonly { metric: Labels }[]): Set<string> {
  const first = list[0];
  if (first === undefined || list.length < 2) return new Set();
  return new Set(Object.keys(first.metric).filter((k) => list.every((s) => s.metric[k] === first.metric[k])));
}

/** Short names for the legend of a chart; unique because only what is common is left out. */
export function legendNames(list: readonly { metric: Labels }[]): string[] {
  const without = commonLabels(list);
  const varying = new Set(list.flatMap((s) => Object.keys(s.metric)).filter((k) => !without.has(k)));
  return list.map((s) => {
    if (varying.size === 0) return seriesName(s.metric);
    if (varying.size === 1) {
      const [only = ''] = varying;
      return s.metric[only] ?? '{}';
    }
    return seriesName(s.metric, without);
  });
}

/** The labels that a table has as columns: those that vary first, then the others. */
export function labelColumns(list: readonly { metric: Labels }[]): string[] {
  const all = [...new Set(list.flatMap((s) => Object.keys(s.metric)))];
  const same = commonLabels(list);
  const rank = (k: string) => (k === '__name__' ? 0 : same.has(k) ? 2 : 1);
  return all.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

/** Puts series with their own times onto the same ones; what is absent is null. */
export function align(list: readonly Series[], start: number, end: number, step: number): { times: number[]; values: (number | null)[][] } {
  const n = Math.max(1, Math.floor((end - start) / step + 1e-9) + 1);
  const times = Array.from({ length: n }, (_, i) => start + i * step);
  const values = list.map((s) => {
    const row: (number | null)[] = new Array<number | null>(n).fill(null);
    for (const [t, v] of s.values ?? []) {
      const i = Math.round((t - start) / step);
      const x = Number(v);
      if (i >= 0 && i < n && Number.isFinite(x)) row[i] = x;
    }
    return row;
  });
  return { times, values };
}

/** The samples as CSV: a column a label, then time and value. */
export function csv(list: readonly Sample[]): string {
  const columns = labelColumns(list);
  const rows = list.map((s) => {
    const [t, v] = s.value ?? [s.histogram?.[0] ?? 0, s.histogram?.[1].sum ?? ''];
    return [...columns.map((c) => s.metric[c] ?? ''), new Date(t * 1000).toISOString(), v];
  });
  return csvText([[...columns, 'time', 'value'], ...rows]);
}

/** Where an error is, if it says so: "1:5: parse error: …" as an offset in the text. */
export function errorAt(message: string, text: string): { from: number; to: number; message: string } | undefined {
  const m = /(?:^|[^\d])(\d+):(\d+): (parse error: .*)$/s.exec(message);
  if (m === null) return undefined;
  const line = Number(m[1]);
  const lines = text.split('\n');
  const before = lines.slice(0, line - 1).reduce((n, l) => n + l.length + 1, 0);
  const from = Math.min(text.length, Math.max(0, before + Number(m[2]) - 1));
  const word = /^[\w:]+|^\S/.exec(text.slice(from))?.[0] ?? '';
  return { from: word === '' && from > 0 ? from - 1 : from, to: from + word.length, message: m[3] ?? message };
}

export interface Bar {
  low: number;
  high: number;
  count: number;
}

/** The buckets of a native histogram. */
export function nativeBars(h: NativeHistogram): Bar[] {
  return (h.buckets ?? []).map(([, low, high, n]) => ({ low: Number(low), high: Number(high), count: Number(n) })).filter((b) => Number.isFinite(b.count));
}

export interface BarGroup {
  metric: Labels;
  bars: Bar[];
  count: number;
  sum?: number;
}

/** Histograms of an instant result: native ones, and classic ones from their buckets. */
export function barGroups(list: readonly Sample[]): BarGroup[] {
  const out: BarGroup[] = [];
  const classic = new Map<string, { metric: Labels; le: [number, number][] }>();
  for (const s of list) {
    if (s.histogram !== undefined) {
      const h = s.histogram[1];
      out.push({ metric: s.metric, bars: nativeBars(h), count: Number(h.count), sum: Number(h.sum) });
    } else if (s.value !== undefined && s.metric.le !== undefined) {
      const { le, ...rest } = s.metric;
      const key = JSON.stringify(Object.entries(rest).sort(([a], [b]) => a.localeCompare(b)));
      const group = classic.get(key) ?? { metric: rest, le: [] };
      group.le.push([le === '+Inf' ? Infinity : Number(le), Number(s.value[1])]);
      classic.set(key, group);
    }
  }
  for (const g of classic.values()) {
    g.le.sort((a, b) => a[0] - b[0]);
    let below = 0;
    let low = 0;
    const bars: Bar[] = [];
    for (const [high, n] of g.le) {
      bars.push({ low, high, count: Math.max(0, n - below) });
      below = n;
      low = high;
    }
    out.push({ metric: g.metric, bars, count: below });
  }
  return out;
}

/** The value below which a share of the counts lies, with even spread inside a bucket. */
export function quantileOf(bars: readonly Bar[], q: number): number | undefined {
  const total = bars.reduce((n, b) => n + b.count, 0);
  if (!(total > 0)) return undefined;
  let seen = 0;
  for (const b of bars) {
    if (b.count > 0 && seen + b.count >= q * total) {
      if (!Number.isFinite(b.high)) return b.low;
      return b.low + (b.high - b.low) * ((q * total - seen) / b.count);
    }
    seen += b.count;
  }
  return bars.at(-1)?.low;
}

/** The unit of an expression where that is certain; else plain numbers. */
export function unitOf(expr: string): Unit {
  const e = expr.trim();
  if (/^histogram_(quantile|avg)\(/.test(e) && /_seconds\b|_seconds_bucket\b/.test(e) && !/\)\s*[*/]/.test(e)) return 'seconds';
  const bare = /^(?:(?:sum|avg|max|min|topk|bottomk)(?:\s*(?:by|without)\s*\([^)]*\))?\s*\((?:\d+\s*,\s*)?)?([a-zA-Z_:][\w:]*)(?:\{[^}]*\})?\)?(?:\s*(?:by|without)\s*\([^)]*\))?$/.exec(e)?.[1];
  if (bare === undefined) return 'count';
  if (/_seconds$/.test(bare)) return 'seconds';
  if (/_bytes$/.test(bare)) return 'bytes';
  if (/_ratio$|:ratio(_rate\w+)?$/.test(bare)) return 'ratio';
  if (/_percent$/.test(bare)) return 'percent';
  if (/_usd(_total)?$/.test(bare)) return 'usd';
  return 'count';
}
