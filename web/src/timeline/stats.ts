// What the gaps of a stream say. Stalls are told as the breakdown of the API tells
// them: gaps over a second and ten times the median.

import type { Ticks } from './decode';

export interface Stall {
  /** Seconds since the start of the call, where the gap begins. */
  at: number;
  seconds: number;
}

export interface StreamStats {
  chunks: number;
  withContent: number;
  contentBytes: number;
  /** Of the first chunk with content. */
  firstContent?: number;
  last?: number;
  median?: number;
  p95?: number;
  p99?: number;
  longest?: Stall;
  stalls: Stall[];
}

const stallLeast = 1;
const stallTimes = 10;

/** The value below which the share q of sorted values lies, between neighbours in proportion. */
export function quantile(sorted: ArrayLike<number>, q: number): number | undefined {
  const n = sorted.length;
  if (n === 0) return undefined;
  const x = q * (n - 1);
  const low = Math.floor(x);
  const a = sorted[low] ?? 0;
  const b = sorted[Math.min(low + 1, n - 1)] ?? a;
  return a + (b - a) * (x - low);
}

/** The first index whose value is not below x. */
export function lowerBound(values: ArrayLike<number>, x: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if ((values[mid] ?? 0) < x) low = mid + 1;
    else high = mid;
  }
  return low;
}

/** How many values are not above x. */
export function upperBound(values: ArrayLike<number>, x: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if ((values[mid] ?? 0) <= x) low = mid + 1;
    else high = mid;
  }
  return low;
}

export function streamStats(t: Ticks, ttft?: number): StreamStats {
  const n = t.at.length;
  let first = -1;
  let withContent = 0;
  for (let i = 0; i < n; i++) {
    if ((t.bytes[i] ?? 0) <= 0) continue;
    if (first < 0) first = i;
    withContent++;
  }
  const out: StreamStats = { chunks: n, withContent, contentBytes: n === 0 ? 0 : (t.sum[n - 1] ?? 0), stalls: [] };
  if (first >= 0) out.firstContent = t.at[first];
  if (n > 0) out.last = t.at[n - 1];
  const start = ttft ?? out.firstContent;
  if (start === undefined) return out;
  // Chunks that one read of the network brought have no gap between them that the model made.
  const gaps: number[] = [];
  const begins: number[] = [];
  let before = start;
  for (let i = 0; i < n; i++) {
    const at = t.at[i] ?? 0;
    if (at <= before) continue;
    gaps.push(at - before);
    begins.push(before);
    before = at;
  }
  const sorted = Float64Array.from(gaps).sort();
  out.median = quantile(sorted, 0.5);
  out.p95 = quantile(sorted, 0.95);
  out.p99 = quantile(sorted, 0.99);
  const limit = Math.max(stallLeast, stallTimes * (sorted[sorted.length >> 1] ?? 0));
  gaps.forEach((seconds, i) => {
    const at = begins[i] ?? 0;
    if (out.longest === undefined || seconds > out.longest.seconds) out.longest = { at, seconds };
    if (seconds > limit) out.stalls.push({ at, seconds });
  });
  return out;
}

/** Bytes that had come by a moment. */
export function bytesAt(t: Ticks, seconds: number): number {
  const i = upperBound(t.at, seconds);
  return i === 0 ? 0 : (t.sum[i - 1] ?? 0);
}

export interface SpeedCurve {
  from: number;
  step: number;
  /** Bytes a second; NaN before the first content and after the last chunk. */
  values: Float64Array;
  window: number;
}

/**
 * The speed of a stream over a part of its time: bytes in a window that slides over
 * each moment, weighted towards its middle. The window is as wide as the part that
 * is looked at asks for, but never so narrow that one chunk is all of it.
 */
export function speed(t: Ticks, from: number, to: number, points: number, s: StreamStats): SpeedCurve {
  const step = (to - from) / Math.max(points - 1, 1);
  const window = Math.max((to - from) / 32, 6 * (s.median ?? 0), 0.02);
  const values = new Float64Array(points).fill(Number.NaN);
  const first = s.firstContent;
  const last = s.last;
  if (first === undefined || last === undefined || last - first <= 0) return { from, step, values, window };
  // Two boxes, one half as wide: a kernel with shoulders, and only four lookups a point.
  const box = (at: number, half: number): number => {
    const a = Math.max(at - half, first);
    const b = Math.min(at + half, last);
    const span = b - a;
    if (span <= 0) return 0;
    // The first chunk came after the wait for it: its bytes are not of this window's time.
    return (bytesAt(t, b) - bytesAt(t, a)) / span;
  };
  for (let i = 0; i < points; i++) {
    const at = from + i * step;
    if (at < first || at > last) continue;
    values[i] = 0.5 * box(at, window / 2) + 0.5 * box(at, window / 4);
  }
  return { from, step, values, window };
}
