// When which alert was pending or fired, from the series ALERTS. Pure.

import type { Labels, Series } from '~/api/prom';
import { keyOf } from './alerts';

export interface Interval {
  /** Unix seconds. */
  from: number;
  to: number;
  state: 'pending' | 'firing';
  /** It began before the range, or goes on after it. */
  openStart: boolean;
  openEnd: boolean;
}

export interface AlertHistory {
  key: string;
  labels: Labels;
  intervals: Interval[];
  /** Seconds in the range. */
  firing: number;
  times: number;
}

/** Joins samples to intervals: a missing sample ends one. */
export function intervals(samples: readonly [number, string][], state: Interval['state'], start: number, end: number, step: number): Interval[] {
  const out: Interval[] = [];
  let from: number | undefined;
  let last = 0;
  const close = () => {
    if (from !== undefined) out.push({ from, to: Math.min(last + step, end), state, openStart: from - start < step, openEnd: end - last < 1.5 * step });
  };
  for (const [t] of samples) {
    if (from === undefined) from = t;
    else if (t - last > 1.5 * step) {
      close();
      from = t;
    }
    last = t;
  }
  close();
  return out;
}

/** The alerts of a range, those that fired longest first. */
export function histories(list: readonly Series[], start: number, end: number, step: number): AlertHistory[] {
  const out = new Map<string, AlertHistory>();
  for (const s of list) {
    const { __name__: _, alertstate, ...labels } = s.metric;
    const key = keyOf(labels);
    const h = out.get(key) ?? { key, labels, intervals: [], firing: 0, times: 0 };
    const own = intervals(s.values ?? [], alertstate === 'pending' ? 'pending' : 'firing', start, end, step);
    h.intervals.push(...own);
    if (alertstate === 'firing') {
      h.firing += own.reduce((n, i) => n + i.to - i.from, 0);
      h.times += own.length;
    }
    out.set(key, h);
  }
  for (const h of out.values()) h.intervals.sort((a, b) => a.from - b.from);
  return [...out.values()].sort((a, b) => b.firing - a.firing || b.intervals.length - a.intervals.length || a.key.localeCompare(b.key));
}
