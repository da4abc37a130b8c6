// Which part of the time is in sight, and the ruler over it.

export interface View {
  from: number;
  to: number;
}

/** A view that lies within 0..whole and is not narrower than a millisecond. */
export function clamp(v: View, whole: number): View {
  const least = Math.min(0.001, whole);
  const width = Math.min(Math.max(v.to - v.from, least), whole);
  const from = Math.min(Math.max(v.from, 0), whole - width);
  return { from, to: from + width };
}

/** Narrower (factor < 1) or wider about a moment, which stays where it is on the screen. */
export function zoom(v: View, factor: number, about: number, whole: number): View {
  return clamp({ from: about - (about - v.from) * factor, to: about + (v.to - about) * factor }, whole);
}

export function pan(v: View, by: number, whole: number): View {
  const width = v.to - v.from;
  const from = Math.min(Math.max(v.from + by, 0), Math.max(0, whole - width));
  return { from, to: from + width };
}

/** Round moments of a ruler: at most `most` of them. */
export function ruler(v: View, most: number): number[] {
  const width = v.to - v.from;
  if (!(width > 0) || most < 1) return [];
  const raw = width / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  let step = power * 10;
  for (const m of [1, 2, 5]) {
    if (m * power >= raw) {
      step = m * power;
      break;
    }
  }
  // Long times are read in minutes and hours.
  if (step > 10) step = [10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400].find((s) => s >= raw) ?? Math.ceil(raw / 86400) * 86400;
  const out: number[] = [];
  for (let i = Math.ceil(v.from / step - 1e-9) || 0; i * step <= v.to + step * 1e-9; i++) out.push(i * step);
  return out;
}
