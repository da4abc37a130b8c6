// The time range of every page, in the words of the API: start=-1h, end=now,
// RFC 3339, or Unix seconds or milliseconds.

import { useMemo } from 'react';
import { useSearch } from 'wouter';
import { useSettings } from './settings';
import { useParams } from './url';

const units: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86400, w: 604800 };

/** Seconds of a duration such as 90m, 1h30m or 2d; undefined where it is none. */
export function parseDuration(s: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d|w))+$/.test(s)) return undefined;
  let sum = 0;
  for (const m of s.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g)) {
    sum += Number(m[1]) * (m[2] === 'ms' ? 0.001 : (units[m[2] ?? ''] ?? 0));
  }
  return sum;
}

/** A moment in milliseconds; undefined where the text is none. */
export function parseTime(s: string, now: number): number | undefined {
  const text = s.trim();
  if (text === '' || text === 'now') return text === '' ? undefined : now;
  const ago = /^(?:now)?([-+])(.+)$/.exec(text);
  if (ago) {
    const d = parseDuration(ago[2] ?? '');
    return d === undefined ? undefined : now + (ago[1] === '-' ? -1 : 1) * d * 1000;
  }
  if (/^\d+(\.\d+)?$/.test(text)) {
    const n = Number(text);
    return n < 1e11 ? n * 1000 : n; // seconds until the year 5138, else milliseconds
  }
  const t = Date.parse(text);
  return Number.isNaN(t) ? undefined : t;
}

export interface TimeRange {
  /** As in the URL. */
  start: string;
  end: string;
  /** Milliseconds since 1970. */
  from: number;
  to: number;
  seconds: number;
  /** It moves with the clock. */
  live: boolean;
}

export const defaultStart = '-1h';

export const presets = ['-5m', '-15m', '-1h', '-3h', '-6h', '-12h', '-24h', '-2d', '-7d', '-14d', '-30d', '-90d'] as const;

/** Makes a range of the texts; a wrong one is the default. */
export function resolve(start: string, end: string, now: number): TimeRange {
  let to = parseTime(end, now);
  let endText = end;
  if (to === undefined) {
    to = now;
    endText = 'now';
  }
  let from = parseTime(start, start.startsWith('-') ? to : now);
  let startText = start;
  if (from === undefined || from >= to) {
    startText = defaultStart;
    from = to - 3600_000;
  }
  return { start: startText, end: endText, from, to, seconds: (to - from) / 1000, live: endText === 'now' };
}

/** The range before, of the same length. */
export function previous(r: TimeRange): { from: number; to: number } {
  return { from: r.from - (r.to - r.from), to: r.from };
}

/** How far a live range is rounded down, so that pages of the same moment ask the same and charts do not tremble. */
function grain(seconds: number): number {
  if (seconds <= 900) return 1000;
  if (seconds <= 6 * 3600) return 5000;
  return 60_000;
}

export interface TimeControl {
  range: TimeRange;
  /** For the API: absolute, in RFC 3339. */
  api: { start: string; end: string };
  set(start: string, end: string, o?: { push?: boolean }): void;
  /** Chooses a part of a chart: milliseconds. */
  zoom(from: number, to: number): void;
  zoomOut(): void;
  shift(by: -1 | 1): void;
}

/**
 * The range of the page, from its URL. It stands still between refreshes: live
 * ranges move when the clock of useSettings ticks.
 */
export function useTime(): TimeControl {
  const search = useSearch();
  const [, setParams] = useParams();
  const { tick } = useSettings();
  const q = new URLSearchParams(search);
  const start = q.get('start') ?? defaultStart;
  const end = q.get('end') ?? 'now';
  return useMemo(() => {
    const coarse = resolve(start, end, tick);
    const g = grain(coarse.seconds);
    const range = coarse.live ? resolve(start, end, Math.ceil(tick / g) * g) : coarse;
    const set = (s: string, e: string, o?: { push?: boolean }) => {
      setParams({ start: s === defaultStart ? null : s, end: e === 'now' ? null : e }, { push: o?.push ?? true });
    };
    const iso = (ms: number) => new Date(ms).toISOString();
    return {
      range,
      api: { start: iso(range.from), end: iso(range.to) },
      set,
      zoom: (from, to) => set(iso(Math.round(from)), iso(Math.max(Math.round(to), Math.round(from) + 1000))),
      zoomOut: () => {
        const half = (range.to - range.from) / 2;
        const to = Math.min(range.to + half, Date.now());
        set(iso(to - 4 * half), range.live ? 'now' : iso(to));
      },
      shift: (by) => {
        const d = ((range.to - range.from) / 2) * by;
        set(iso(range.from + d), iso(range.to + d));
      },
    };
  }, [start, end, tick, setParams]);
}
