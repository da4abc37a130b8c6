// The cells of a heatmap: how many observations fell into which range when.

import type { NativeHistogram, Series } from '~/api/prom';

export interface HeatRow {
  /** 0 where the lowest bucket has no lower bound. */
  lo: number;
  /** Infinity where the highest has no upper one. */
  hi: number;
}

export interface HeatGrid {
  /** Unix seconds: the end of each column. */
  times: number[];
  step: number;
  /** Ascending. */
  rows: HeatRow[];
  /** One list a column, one number a row. */
  counts: number[][];
  /** The highest of the counts. */
  max: number;
  native: boolean;
}

interface Columns {
  start: number;
  end: number;
  step: number;
}

const columnsOf = (g: Columns) => Math.round((g.end - g.start) / g.step) + 1;
const highest = (counts: readonly number[][]) => counts.reduce((m, c) => Math.max(m, ...c), 0);

/**
 * A heatmap of a native histogram. Its buckets are a few percent wide: several
 * are put together, so that there are at most `most` rows. `scale` makes counts
 * of what was asked for, as a rate times the step.
 */
export function fromNative(histograms: readonly [number, NativeHistogram][], g: Columns, most = 36, scale = 1): HeatGrid | undefined {
  let ratio = 1;
  let low = Infinity;
  let high = 0;
  for (const [, h] of histograms) {
    for (const [, lo, hi, n] of h.buckets ?? []) {
      if (Number(n) <= 0 || Number(lo) <= 0) continue;
      low = Math.min(low, Number(lo));
      high = Math.max(high, Number(hi));
      ratio = Math.max(ratio, Number(hi) / Number(lo));
    }
  }
  if (high === 0 || !Number.isFinite(high)) return undefined;
  // Rows begin at powers of a root of two, as the buckets do, so that a bucket is never split.
  const buckets = Math.max(1, Math.round(Math.log(high / low) / Math.log(ratio)));
  const width = Math.log(ratio) * Math.max(1, Math.ceil(buckets / Math.max(2, most - 1)));
  const rowOf = (lo: number, hi: number) => Math.floor((Math.log(lo) + Math.log(hi)) / 2 / width + 1e-6);
  const first = Math.floor(Math.log(low) / width + 1e-6);
  const count = Math.max(1, Math.ceil(Math.log(high) / width - 1e-6) - first);
  const rows = Array.from({ length: count }, (_, i): HeatRow => ({ lo: Math.exp((first + i) * width), hi: Math.exp((first + i + 1) * width) }));
  const counts = Array.from({ length: columnsOf(g) }, () => new Array<number>(count).fill(0));
  for (const [t, h] of histograms) {
    const column = counts[Math.round((t - g.start) / g.step)];
    if (column === undefined) continue;
    for (const [, lo, hi, n] of h.buckets ?? []) {
      const v = Number(n) * scale;
      if (!(v > 0)) continue;
      const row = Number(lo) <= 0 ? 0 : Math.min(count - 1, Math.max(0, rowOf(Number(lo), Number(hi)) - first));
      column[row] = (column[row] ?? 0) + v;
    }
  }
  return { times: counts.map((_, i) => g.start + i * g.step), step: g.step, rows, counts, max: highest(counts), native: true };
}

/** A heatmap of classic buckets: series of one histogram by le, each with all below it in it. */
export function fromClassic(series: readonly Series[], g: Columns, scale = 1): HeatGrid | undefined {
  const bounded = series
    .map((s) => ({ le: s.metric.le === '+Inf' ? Infinity : Number(s.metric.le), values: s.values ?? [] }))
    .filter((s) => !Number.isNaN(s.le))
    .sort((a, b) => a.le - b.le);
  if (bounded.length === 0) return undefined;
  const counts = Array.from({ length: columnsOf(g) }, () => new Array<number>(bounded.length).fill(0));
  bounded.forEach((s, row) => {
    for (const [t, v] of s.values) {
      const column = counts[Math.round((t - g.start) / g.step)];
      if (column !== undefined && Number.isFinite(Number(v))) column[row] = Number(v) * scale;
    }
  });
  for (const column of counts) {
    for (let row = column.length - 1; row > 0; row--) column[row] = Math.max(0, (column[row] ?? 0) - (column[row - 1] ?? 0));
  }
  const used = bounded.map((_, row) => counts.some((c) => (c[row] ?? 0) > 1e-9));
  const first = used.indexOf(true);
  if (first < 0) return undefined;
  const last = used.lastIndexOf(true);
  const rows = bounded.map((s, i): HeatRow => ({ lo: bounded[i - 1]?.le ?? 0, hi: s.le })).slice(first, last + 1);
  const cut = counts.map((c) => c.slice(first, last + 1));
  return { times: cut.map((_, i) => g.start + i * g.step), step: g.step, rows, counts: cut, max: highest(cut), native: false };
}

/** Where a row is drawn: bounds that a logarithmic axis has. */
export function drawn(r: HeatRow): { lo: number; hi: number } {
  const hi = Number.isFinite(r.hi) ? r.hi : r.lo * 2;
  return { lo: r.lo > 0 ? r.lo : hi / 2, hi };
}

/** Round values for a logarithmic axis, at most `most`: 1, 2 and 5 of each power of ten, or the powers alone. */
export function logTicks(lo: number, hi: number, most: number): number[] {
  for (const steps of [[1, 2, 5], [1, 3], [1]]) {
    const out: number[] = [];
    for (let e = Math.floor(Math.log10(lo)); e <= Math.ceil(Math.log10(hi)); e++) {
      for (const s of steps) {
        const v = s * 10 ** e;
        if (v >= lo * 0.999 && v <= hi * 1.001) out.push(v);
      }
    }
    if (out.length <= most) return out;
  }
  return [];
}
