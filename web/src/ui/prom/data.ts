// From the answers of PromQL to what charts and tables show.

import type { ChartExemplar } from '~/chart/TimeChart';
import type { ExemplarSeries, Labels, Sample, Series } from '~/api/prom';
import type { Threshold } from './definition';

/** The name of a series: {{label}} is replaced; without a legend, its labels. */
export function legendOf(legend: string, metric: Labels): string {
  const text = legend.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name: string) => metric[name] ?? '').replace(/\s+/g, ' ').trim();
  if (text !== '') return text;
  const labels = Object.entries(metric).filter(([k]) => k !== '__name__');
  return labels.map(([k, v]) => `${k}=${v}`).join(' ') || (metric.__name__ ?? '');
}

export interface Grid {
  /** Unix seconds. */
  start: number;
  end: number;
  step: number;
}

/** The moments of a range that are multiples of its step: a live chart does not tremble when it moves on. */
export function gridOf(from: number, to: number, step: number): Grid {
  const end = Math.floor(to / 1000 / step) * step;
  return { start: Math.min(Math.ceil(from / 1000 / step) * step, end), end, step };
}

export function timesOf(g: Grid): number[] {
  return Array.from({ length: Math.round((g.end - g.start) / g.step) + 1 }, (_, i) => g.start + i * g.step);
}

export interface Line {
  /** Stable: gives the colour. */
  name: string;
  label: string;
  metric: Labels;
  values: (number | null)[];
}

const number = (s: string): number | null => {
  const n = Number(s);
  return Number.isFinite(n) ? n : null;
};

/** Puts a series' samples at their places of the grid; where there is none is a gap. */
export function place(s: Series, g: Grid): (number | null)[] {
  const out = new Array<number | null>(Math.round((g.end - g.start) / g.step) + 1).fill(null);
  for (const [t, v] of s.values ?? []) {
    const i = Math.round((t - g.start) / g.step);
    if (i >= 0 && i < out.length) out[i] = number(v);
  }
  return out;
}

/** The lines of a chart. Series of one name, as of two targets, stay apart by a number. */
export function linesOf(targets: readonly { legend: string; name?: string; series: readonly Series[] }[], g: Grid): Line[] {
  const seen = new Map<string, number>();
  return targets.flatMap((t) => {
    // A legend without labels names one series; of several, their labels tell which is which.
    const same = t.series.length > 1 && !t.legend.includes('{{');
    return t.series.map((s) => {
      const label = same ? `${t.legend} ${legendOf('', s.metric)}`.trim() : legendOf(t.legend, s.metric);
      const name = t.name ?? label;
      const n = (seen.get(name) ?? 0) + 1;
      seen.set(name, n);
      return { name: n === 1 ? name : `${name} #${n}`, label, metric: s.metric, values: place(s, g) };
    });
  });
}

/** The lines with the highest values, in their order: hundreds of lines tell nothing and cost a lot. */
export function highest(lines: readonly Line[], most: number): Line[] {
  if (lines.length <= most) return [...lines];
  const top = new Set([...lines].sort((a, b) => peak(b.values) - peak(a.values)).slice(0, most));
  return lines.filter((l) => top.has(l));
}

const peak = (values: readonly (number | null)[]) => values.reduce<number>((m, v) => (v !== null && v > m ? v : m), -Infinity);

export interface Statistics {
  last?: number;
  min?: number;
  mean?: number;
  max?: number;
}

export function statistics(values: readonly (number | null | undefined)[]): Statistics {
  const known = values.filter((v): v is number => typeof v === 'number' && Number.isFinite(v));
  if (known.length === 0) return {};
  return { last: known.at(-1), min: Math.min(...known), max: Math.max(...known), mean: known.reduce((a, b) => a + b, 0) / known.length };
}

export interface TableRow {
  key: string;
  labels: Labels;
  /** One for each target; undefined where it has nothing for these labels. */
  values: (number | undefined)[];
}

/** Joins the answers of several targets by their labels, as the rows of a table. */
export function joinRows(targets: readonly (readonly Sample[])[]): { labels: string[]; rows: TableRow[] } {
  const rows = new Map<string, TableRow>();
  const names = new Set<string>();
  targets.forEach((samples, i) => {
    for (const s of samples) {
      const labels = Object.fromEntries(Object.entries(s.metric).filter(([k]) => k !== '__name__'));
      Object.keys(labels).forEach((k) => names.add(k));
      const key = JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
      const row = rows.get(key) ?? { key, labels, values: new Array<number | undefined>(targets.length).fill(undefined) };
      row.values[i] = s.value === undefined ? undefined : (number(s.value[1]) ?? undefined);
      rows.set(key, row);
    }
  });
  // `or vector(0)` gives an answer without labels: it says 0 where there are no others, and nothing where there are.
  if (rows.size > 1) rows.delete('[]');
  return { labels: [...names], rows: [...rows.values()] };
}

/** The level of a value: that of the last threshold that it has reached. */
export function levelOf(value: number | null | undefined, thresholds: readonly Threshold[] = [], base?: Threshold['level']): Threshold['level'] | undefined {
  if (value === null || value === undefined || thresholds.length === 0) return undefined;
  let level = base;
  for (const t of thresholds) if (value >= t.value) level = t.level;
  return level;
}

/** At most `most` exemplars, spread over the range: slow ones of each stretch, as outliers are what one looks for, and a few from the middle to compare them with. */
export function thin(series: readonly ExemplarSeries[], from: number, to: number, most: number): ChartExemplar[] {
  const all = series.flatMap((s) => s.exemplars.map((e): ChartExemplar => ({ time: e.timestamp, value: Number(e.value), traceID: e.labels.trace_id, callID: e.labels.call_id, labels: s.seriesLabels })));
  const known = all.filter((e) => Number.isFinite(e.value) && (e.traceID !== undefined || e.callID !== undefined) && e.time >= from && e.time <= to);
  if (known.length <= most) return known.sort((a, b) => a.time - b.time);
  const stretches = Math.max(1, Math.floor((most * 3) / 4));
  const buckets: ChartExemplar[][] = Array.from({ length: stretches }, () => []);
  for (const e of known) buckets[Math.min(stretches - 1, Math.floor(((e.time - from) / (to - from)) * stretches))]?.push(e);
  return buckets
    .flatMap((b, i) => {
      const sorted = b.sort((x, y) => y.value - x.value);
      const at = (share: number) => sorted[Math.floor(sorted.length * share)];
      // The highest of all would lie beyond the lines of most charts: of some stretches it is enough.
      const picked = [i % 4 === 0 ? at(0) : at(0.03), i % 3 === 0 ? at(0.5) : undefined].filter((e) => e !== undefined);
      return [...new Set(picked)];
    })
    .sort((a, b) => a.time - b.time);
}

/** The native histogram behind a rate of classic buckets: sum by (le) (rate(x_bucket{…}[w])) is sum(rate(x{…}[w])). */
export function nativeOf(expr: string): string | undefined {
  const m = /^sum by \(le\) \((rate|increase)\((\w+)_bucket(\{.*\})?(\[[^\]]+\])\)\)$/s.exec(expr.trim());
  return m === null ? undefined : `sum(${m[1]}(${m[2]}${m[3] ?? ''}${m[4]}))`;
}

/** Several expressions as one query; each answer says in the label pitot_part whose it is. */
export function union(parts: Record<string, string>): string {
  return Object.entries(parts).map(([name, expr]) => `label_replace(${expr}, "pitot_part", "${name}", "", "")`).join(' or ');
}

/** The answers of a union, by the number that each part has as its name. */
export function parted<T extends { metric: Labels }>(answer: readonly T[], count: number): T[][] {
  const out: T[][] = Array.from({ length: count }, () => []);
  for (const s of answer) {
    const { pitot_part: part, ...metric } = s.metric;
    out[Number(part)]?.push({ ...s, metric });
  }
  return out;
}

/** The first value of each part of a union. */
export function partsOf(samples: readonly Sample[]): Record<string, number | undefined> {
  const out: Record<string, number | undefined> = {};
  for (const s of samples) {
    const part = s.metric.pitot_part;
    if (part !== undefined && s.value !== undefined) out[part] = number(s.value[1]) ?? undefined;
  }
  return out;
}
