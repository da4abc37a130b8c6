// Traces as points: start by duration, on a scale of powers of ten.

export interface Point {
  x: number;
  y: number;
  r: number;
}

export interface Scale {
  from: number;
  to: number;
  /** Powers of ten that hold all durations. */
  low: number;
  high: number;
}

export function scaleOf(traces: readonly { time: number; seconds: number }[], from: number, to: number): Scale {
  let low = Infinity;
  let high = -Infinity;
  let first = from;
  let last = to;
  for (const t of traces) {
    const s = Math.max(t.seconds, 1e-4);
    low = Math.min(low, s);
    high = Math.max(high, s);
    first = Math.min(first, t.time);
    last = Math.max(last, t.time);
  }
  if (high < low) return { from, to, low: 0.1, high: 10 };
  const a = 10 ** Math.floor(Math.log10(low));
  let b = 10 ** Math.ceil(Math.log10(high));
  if (b <= a) b = a * 10;
  return { from: first, to: last, low: a, high: b };
}

export function place(s: Scale, width: number, height: number, t: { time: number; seconds: number; spans: number }): Point {
  const x = ((t.time - s.from) / Math.max(1, s.to - s.from)) * width;
  const y = height - ((Math.log10(Math.max(t.seconds, 1e-4)) - Math.log10(s.low)) / (Math.log10(s.high) - Math.log10(s.low))) * height;
  return { x, y, r: Math.min(9, 2.5 + Math.log2(Math.max(1, t.spans)) * 0.7) };
}

/** The point nearest to a place, at most `reach` away from its edge. */
export function nearest(points: readonly Point[], x: number, y: number, reach = 6): number {
  let best = -1;
  let distance = reach;
  points.forEach((p, i) => {
    const d = Math.hypot(p.x - x, p.y - y) - p.r;
    if (d < distance) {
      distance = d;
      best = i;
    }
  });
  return best;
}
