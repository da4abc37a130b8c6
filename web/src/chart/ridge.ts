// Distributions of several groups over one logarithmic axis.

/** The share of each bucket, lightly smoothed over its neighbours; the sum stays 1. Nothing counted: nothing to draw. */
export function shares(counts: readonly number[]): number[] {
  const total = counts.reduce((a, b) => a + b, 0);
  if (total === 0) return [];
  const at = (i: number) => counts[Math.min(Math.max(i, 0), counts.length - 1)] ?? 0;
  return counts.map((_, i) => (at(i - 1) + 2 * at(i) + at(i + 1)) / (4 * total));
}

/** The part of the axis that any group uses: from the first to the last bucket with at least this share of a group, and one beyond. */
export function used(groups: readonly (readonly number[])[], least = 0.0005): [number, number] {
  let first = Infinity;
  let last = -Infinity;
  for (const g of groups) {
    g.forEach((share, i) => {
      if (share < least) return;
      first = Math.min(first, i);
      last = Math.max(last, i);
    });
  }
  if (first > last) return [0, 0];
  const n = Math.max(...groups.map((g) => g.length));
  return [Math.max(0, first - 1), Math.min(n - 1, last + 1)];
}

/** A closed path over the buckets' middles. x gives the place of an edge, height that of a share. */
export function ridgePath(share: readonly number[], bounds: readonly number[], x: (v: number) => number, y: (share: number) => number, base: number): string {
  const points: [number, number][] = [];
  share.forEach((s, i) => {
    const a = bounds[i];
    const b = bounds[i + 1];
    if (a !== undefined && b !== undefined) points.push([x(Math.sqrt(a * b)), y(s)]);
  });
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined) return '';
  let d = `M${first[0].toFixed(1)} ${base.toFixed(1)}L${first[0].toFixed(1)} ${first[1].toFixed(1)}`;
  for (let i = 1; i < points.length; i++) {
    const [x0, y0] = points[i - 1] ?? first;
    const [x1, y1] = points[i] ?? last;
    const mid = ((x0 + x1) / 2).toFixed(1);
    // Level at every point, so that the curve never goes above or below the counts.
    d += `C${mid} ${y0.toFixed(1)} ${mid} ${y1.toFixed(1)} ${x1.toFixed(1)} ${y1.toFixed(1)}`;
  }
  return `${d}L${last[0].toFixed(1)} ${base.toFixed(1)}Z`;
}
