// Round marks of axes.

/** About n round steps from 0 (or below it) to what high needs. */
export function linearTicks(low: number, high: number, n = 5): number[] {
  if (!(high > low)) return [low];
  const raw = (high - low) / n;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999) ?? 10 * power;
  const out: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high * (1 + 1e-9) + 1e-12; i++) out.push(Number((i * step).toPrecision(12)));
  return out;
}

/** 1, 2 and 5 of each power of ten between low and high; only powers where these would be more than most. */
export function logTicks(low: number, high: number, most = 9): number[] {
  if (!(low > 0) || !(high > low)) return [];
  const make = (mantissas: readonly number[]) => {
    const out: number[] = [];
    for (let p = Math.floor(Math.log10(low)); p <= Math.ceil(Math.log10(high)); p++) {
      for (const m of mantissas) {
        const v = Number((m * 10 ** p).toPrecision(6));
        if (v >= low * 0.9999 && v <= high * 1.0001) out.push(v);
      }
    }
    return out;
  };
  const all = make([1, 2, 5]);
  if (all.length <= most) return all;
  const some = make([1, 3]);
  return some.length <= most ? some : make([1]);
}

/** Where a value lies between two others, 0 to 1, on a linear or a logarithmic axis; outside of them at an end. */
export function position(v: number, low: number, high: number, log: boolean): number {
  const r = log ? (Math.log(v) - Math.log(low)) / (Math.log(high) - Math.log(low)) : (v - low) / (high - low);
  return Number.isFinite(r) ? Math.min(1, Math.max(0, r)) : 0;
}
