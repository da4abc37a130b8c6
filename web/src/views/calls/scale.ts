// Axes of the scatter plot: from values to places and back, with round ticks.

export interface Scale {
  min: number;
  max: number;
  log: boolean;
}

/** A place from 0 (min) to 1 (max). What a logarithm does not have, 0 and less, is at the bottom. */
export function place(s: Scale, v: number): number {
  if (!s.log) return (v - s.min) / (s.max - s.min || 1);
  if (v <= s.min) return 0;
  return Math.log(v / s.min) / Math.log(s.max / s.min);
}

export function valueAt(s: Scale, p: number): number {
  return s.log ? s.min * Math.pow(s.max / s.min, p) : s.min + p * (s.max - s.min);
}

/** A scale on which all values have a place, with a little air above. */
export function scaleOf(values: readonly (number | null)[], log: boolean): Scale {
  let max = -Infinity;
  let least = Infinity;
  for (const v of values) {
    if (v === null || !Number.isFinite(v)) continue;
    if (v > max) max = v;
    if (v > 0 && v < least) least = v;
  }
  if (max <= 0 || max === -Infinity) return { min: log ? 0.1 : 0, max: 1, log };
  if (!log) return { min: 0, max: max * 1.05, log };
  const top = max * 1.15;
  // At most seven decades: what is far below the rest would press it to the top.
  return { min: Math.max(least * 0.85, top * 1e-7), max: top, log };
}

/** Round values within a scale. */
export function ticks(s: Scale, about: number): number[] {
  if (s.log) {
    const all = (mantissas: readonly number[]) => {
      const out: number[] = [];
      for (let e = Math.floor(Math.log10(s.min)); e <= Math.ceil(Math.log10(s.max)); e++) {
        for (const m of mantissas) {
          const v = Number((m * Math.pow(10, e)).toPrecision(6));
          if (v >= s.min && v <= s.max) out.push(v);
        }
      }
      return out;
    };
    const three = all([1, 2, 5]);
    return three.length <= about * 1.5 ? three : all([1]);
  }
  const raw = (s.max - s.min) / Math.max(1, about);
  const power = Math.pow(10, Math.floor(Math.log10(raw)));
  const step = ([1, 2, 5, 10].find((m) => m * power >= raw) ?? 10) * power;
  const out: number[] = [];
  for (let v = Math.ceil(s.min / step) * step; v <= s.max; v += step) out.push(Number(v.toPrecision(10)));
  return out;
}

const steps = [1, 5, 15, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800].map((x) => x * 1000);

/** Round moments of a range, in milliseconds; `offset` is the zone's, in milliseconds. */
export function timeTicks(from: number, to: number, about: number, offset = 0): number[] {
  const raw = (to - from) / Math.max(1, about);
  const step = steps.find((x) => x >= raw) ?? Math.ceil(raw / 604_800_000) * 604_800_000;
  const out: number[] = [];
  for (let t = Math.ceil((from + offset) / step) * step - offset; t <= to; t += step) out.push(t);
  return out;
}

/** A part of the plot: Unix milliseconds, and values of the axis. */
export interface Region {
  from: number;
  to: number;
  low: number;
  high: number;
}

/** Reads from,to,low,high; undefined for anything else. */
export function parseRegion(text: string): Region | undefined {
  const n = text.split(',').map((x) => (x === '' ? NaN : Number(x)));
  const [from, to, low, high] = n;
  if (n.length !== 4 || n.some((x) => !Number.isFinite(x)) || from === undefined || to === undefined || low === undefined || high === undefined || to <= from || high <= low) return undefined;
  return { from, to, low, high };
}

export function formatRegion(r: Region): string {
  return [Math.round(r.from), Math.round(r.to), Number(r.low.toPrecision(6)), Number(r.high.toPrecision(6))].join(',');
}

export function inRegion(r: Region, time: number, value: number | null): boolean {
  return value !== null && time >= r.from && time <= r.to && value >= r.low && value <= r.high;
}
