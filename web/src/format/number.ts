// Numbers as people read them. Unknown is a dash, never 0.

import { currentLanguage } from '~/i18n';

export const unknown = '–';

const locale = () => (currentLanguage() === 'zh' ? 'zh-CN' : 'en-US');
const formats = new Map<string, Intl.NumberFormat>();

function nf(o: Intl.NumberFormatOptions): Intl.NumberFormat {
  const k = locale() + JSON.stringify(o);
  let f = formats.get(k);
  if (f === undefined) formats.set(k, (f = new Intl.NumberFormat(locale(), o)));
  return f;
}

type N = number | null | undefined;

const known = (n: N): n is number => n !== null && n !== undefined && Number.isFinite(n);

/** 12,345 */
export function count(n: N): string {
  return known(n) ? nf({ maximumFractionDigits: 0 }).format(n) : unknown;
}

/** 12.3K: three significant digits with a suffix. K, M, B in both languages, as in the API and in PromQL. */
export function short(n: N): string {
  if (!known(n)) return unknown;
  const a = Math.abs(n);
  for (const [limit, div, suffix] of [[1e12, 1e12, 'T'], [1e9, 1e9, 'B'], [1e6, 1e6, 'M'], [1e4, 1e3, 'K']] as const) {
    if (a >= limit * 0.9995) return nf({ maximumSignificantDigits: 3 }).format(n / div) + suffix;
  }
  if (a >= 100 || Number.isInteger(n)) return nf({ maximumFractionDigits: 0 }).format(n);
  if (a >= 1) return nf({ maximumFractionDigits: 2, maximumSignificantDigits: 3 }).format(n);
  return nf({ maximumSignificantDigits: 2 }).format(n);
}

/** A length of time given in seconds: 340 µs, 12 ms, 1.25 s, 2 min 5 s, 3 h 12 min, 2 d 3 h. */
export function duration(seconds: N): string {
  if (!known(seconds)) return unknown;
  const s = Math.abs(seconds);
  const sign = seconds < 0 ? '−' : '';
  if (s === 0) return '0 s';
  const digits = (v: number) => nf({ maximumSignificantDigits: 3 }).format(v);
  if (s < 0.0009995) return `${sign}${digits(s * 1e6)} µs`;
  if (s < 0.9995) return `${sign}${digits(s * 1e3)} ms`;
  if (s < 59.95) return `${sign}${digits(s)} s`;
  const parts = (big: number, bigUnit: string, small: number, smallUnit: string) => `${sign}${big} ${bigUnit}` + (small > 0 ? ` ${small} ${smallUnit}` : '');
  if (s < 3599.5) return parts(Math.floor(Math.round(s) / 60), 'min', Math.round(s) % 60, 's');
  const min = Math.round(s / 60);
  if (min < 48 * 60) return parts(Math.floor(min / 60), 'h', min % 60, 'min');
  const h = Math.round(s / 3600);
  return parts(Math.floor(h / 24), 'd', h % 24, 'h');
}

/** US dollars with as many digits as the amount needs: $0.00042, $12.30, $12.3K. */
export function usd(n: N): string {
  if (!known(n)) return unknown;
  const a = Math.abs(n);
  const sign = n < 0 ? '−$' : '$';
  if (a === 0) return '$0';
  if (a >= 1e4) return sign + short(a);
  if (a >= 0.995) return sign + nf({ minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(a);
  if (a < 1e-7) return '<$0.0000001';
  return sign + nf({ maximumSignificantDigits: 3, maximumFractionDigits: 10 }).format(a);
}

/** A ratio as a percentage: 0.0123 is 1.23 %. Near 0 and 1 it never rounds to all or nothing. */
export function percent(ratio: N): string {
  if (!known(ratio)) return unknown;
  const p = ratio * 100;
  const a = Math.abs(p);
  if (a > 0 && a < 0.01) return '<0.01%';
  if (ratio < 1 && p > 99.99) return '>99.99%';
  const f = a < 1 || a > 99 ? 2 : a < 10 ? 2 : 1;
  return nf({ maximumFractionDigits: f }).format(p) + '%';
}

/** A change between two values as a signed percentage. */
export function change(now: N, before: N): string {
  if (!known(now) || !known(before) || before === 0) return unknown;
  const c = (now - before) / Math.abs(before);
  if (Math.abs(c) >= 10) return `${c > 0 ? '×' : '−×'}${nf({ maximumSignificantDigits: 3 }).format(Math.abs(now / before))}`;
  const text = nf({ maximumFractionDigits: Math.abs(c) < 0.1 ? 1 : 0 }).format(Math.abs(c) * 100);
  return (text === '0' ? '±' : c > 0 ? '+' : '−') + text + '%';
}

/** 1.2 GiB */
export function bytes(n: N): string {
  if (!known(n)) return unknown;
  let v = Math.abs(n);
  const u = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let i = 0;
  while (v >= 1023.5 && i < u.length - 1) {
    v /= 1024;
    i++;
  }
  return (n < 0 ? '−' : '') + nf({ maximumSignificantDigits: 3 }).format(v) + ' ' + u[i];
}

/** The units of the dashboards' panels. */
export type Unit = 'count' | 'per_second' | 'requests_per_second' | 'tokens_per_second' | 'tokens' | 'seconds' | 'ratio' | 'percent' | 'usd' | 'bytes' | 'watts' | 'celsius' | 'score';

export function format(n: N, unit: Unit): string {
  if (!known(n)) return unknown;
  switch (unit) {
    case 'seconds': return duration(n);
    case 'ratio': return percent(n);
    case 'percent': return percent(n / 100);
    case 'usd': return usd(n);
    case 'bytes': return bytes(n);
    case 'per_second': return short(n) + '/s';
    case 'requests_per_second': return short(n) + ' req/s';
    case 'tokens_per_second': return short(n) + ' tok/s';
    case 'tokens': return short(n);
    case 'watts': return short(n) + ' W';
    case 'celsius': return short(n) + ' °C';
    case 'score': return nf({ maximumFractionDigits: 3 }).format(n);
    case 'count': return short(n);
  }
}
