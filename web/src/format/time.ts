// Times in the zone and the language that were chosen.

import { currentLanguage } from '~/i18n';
import type { Zone } from '~/state/settings';

const formats = new Map<string, Intl.DateTimeFormat>();

function df(zone: Zone, o: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const locale = currentLanguage() === 'zh' ? 'zh-CN' : 'en-GB';
  const k = locale + zone + JSON.stringify(o);
  let f = formats.get(k);
  if (f === undefined) formats.set(k, (f = new Intl.DateTimeFormat(locale, { ...o, hourCycle: 'h23', timeZone: zone === 'UTC' ? 'UTC' : undefined })));
  return f;
}

const pad = (n: number, w = 2) => String(n).padStart(w, '0');

/** The parts of a moment in a zone. */
function parts(ms: number, zone: Zone) {
  const d = new Date(ms);
  return zone === 'UTC'
    ? { y: d.getUTCFullYear(), mo: d.getUTCMonth() + 1, d: d.getUTCDate(), h: d.getUTCHours(), mi: d.getUTCMinutes(), s: d.getUTCSeconds(), ms: d.getUTCMilliseconds() }
    : { y: d.getFullYear(), mo: d.getMonth() + 1, d: d.getDate(), h: d.getHours(), mi: d.getMinutes(), s: d.getSeconds(), ms: d.getMilliseconds() };
}

/** 2026-01-02 15:04:05, the form that sorts. Milliseconds on request. */
export function dateTime(ms: number, zone: Zone, o: { millis?: boolean } = {}): string {
  const p = parts(ms, zone);
  return `${p.y}-${pad(p.mo)}-${pad(p.d)} ${pad(p.h)}:${pad(p.mi)}:${pad(p.s)}` + (o.millis ? `.${pad(p.ms, 3)}` : '');
}

/** 15:04:05 */
export function clock(ms: number, zone: Zone, o: { millis?: boolean } = {}): string {
  return dateTime(ms, zone, o).slice(11);
}

/** The day and the time, shorter where it is today: 15:04:05, or Jan 2 15:04. */
export function compact(ms: number, zone: Zone, now = Date.now()): string {
  const a = parts(ms, zone);
  const b = parts(now, zone);
  if (a.y === b.y && a.mo === b.mo && a.d === b.d) return clock(ms, zone);
  const day = df(zone, a.y === b.y ? { month: 'short', day: 'numeric' } : { year: 'numeric', month: 'short', day: 'numeric' }).format(ms);
  return `${day} ${pad(a.h)}:${pad(a.mi)}`;
}

/** How long ago: 3 minutes ago. */
export function ago(ms: number, now = Date.now()): string {
  const rtf = new Intl.RelativeTimeFormat(currentLanguage() === 'zh' ? 'zh-CN' : 'en', { numeric: 'auto', style: 'short' });
  const s = (ms - now) / 1000;
  for (const [unit, n] of [['day', 86400], ['hour', 3600], ['minute', 60]] as const) {
    if (Math.abs(s) >= n) return rtf.format(Math.round(s / n), unit);
  }
  return rtf.format(Math.round(s), 'second');
}
