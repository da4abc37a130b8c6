// Colours that people with any colour vision tell apart, in both themes. A name
// has the same colour on every page, unless two names of one chart collide.

const light = ['#1c7ed6', '#e8590c', '#2b8a3e', '#ae3ec9', '#0b7285', '#c2255c', '#846000', '#5f3dc4', '#3b5b8c', '#a61e4d', '#5c940d', '#495057'] as const;
const dark = ['#4dabf7', '#ff922b', '#51cf66', '#da77f2', '#3bc9db', '#f783ac', '#fcc419', '#9775fa', '#91a7ff', '#ffa8a8', '#a9e34b', '#adb5bd'] as const;

export type Scheme = 'light' | 'dark';

/** Colours with a meaning of their own. */
export const meaning = {
  light: { ok: '#237032', warning: '#a65300', critical: '#c92a2a', muted: '#868e96', input: '#1c7ed6', output: '#0b7285', reasoning: '#ae3ec9', cache: '#5c940d', grid: 'rgba(0,0,0,0.07)', axis: '#5c636a' },
  dark: { ok: '#51cf66', warning: '#ffa94d', critical: '#ff8787', muted: '#868e96', input: '#4dabf7', output: '#3bc9db', reasoning: '#da77f2', cache: '#a9e34b', grid: 'rgba(255,255,255,0.08)', axis: '#a6adb4' },
} as const;

/** Names that mean something have its colour wherever they are a series. */
const named: Record<string, keyof (typeof meaning)['light']> = {
  error: 'critical', errors: 'critical', ok: 'ok', success: 'ok', input: 'input', output: 'output', reasoning: 'reasoning', cache_read: 'cache', __other__: 'muted',
  p50: 'output', p95: 'input', p99: 'reasoning',
};

function hash(s: string): number {
  let h = 2166136261;
  for (let i = 0; i < s.length; i++) h = Math.imul(h ^ s.charCodeAt(i), 16777619);
  return h >>> 0;
}

/** The colours of the names of one chart. */
export function colours(names: readonly string[], scheme: Scheme): Map<string, string> {
  const list = scheme === 'dark' ? dark : light;
  const out = new Map<string, string>();
  const taken = new Set<number>();
  // In an order of their own, so that it does not matter how a chart sorts them.
  for (const name of [...new Set(names)].sort()) {
    const known = named[name];
    if (known !== undefined) {
      out.set(name, meaning[scheme][known]);
      continue;
    }
    let i = hash(name) % list.length;
    if (taken.size < list.length) while (taken.has(i)) i = (i + 1) % list.length;
    taken.add(i);
    out.set(name, list[i] ?? list[0]);
  }
  return out;
}

export function colour(name: string, scheme: Scheme): string {
  return colours([name], scheme).get(name) ?? light[0];
}

/** A ramp for heatmaps, from nothing to much: readable on both themes, monotonous in lightness. */
export function heat(ratio: number, scheme: Scheme): string {
  const t = Math.min(1, Math.max(0, ratio));
  if (scheme === 'dark') return `hsl(${200 - 150 * t} ${60 + 30 * t}% ${16 + 52 * t}%)`;
  return `hsl(${195 + 50 * t} ${55 + 20 * t}% ${92 - 62 * t}%)`;
}
