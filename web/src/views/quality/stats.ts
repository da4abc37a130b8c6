// The statistics of scores that the page computes itself.

const z95 = 1.959964;

export interface Interval {
  low: number;
  high: number;
}

/**
 * Wilson's 95 % interval of a mean of n scores from 0 to 1, as the server has
 * it. No score from 0 to 1 varies more than one that is 0 or 1, so that it is
 * never too narrow.
 */
export function wilson(mean: number, n: number): Interval | undefined {
  if (!(n > 0) || !(mean >= 0) || !(mean <= 1)) return undefined;
  const z2 = z95 * z95;
  const centre = (mean + z2 / (2 * n)) / (1 + z2 / n);
  const half = (z95 / (1 + z2 / n)) * Math.sqrt((mean * (1 - mean)) / n + z2 / (4 * n * n));
  return { low: mean === 0 ? 0 : Math.max(0, centre - half), high: mean === 1 ? 1 : Math.min(1, centre + half) };
}

export interface Tally {
  n: number;
  sum: number;
}

export function add(a: Tally, b: Tally): Tally {
  return { n: a.n + b.n, sum: a.sum + b.sum };
}

/** The mean; without a score there is none. */
export function meanOf(t: Tally): number | undefined {
  return t.n > 0 ? t.sum / t.n : undefined;
}

/** Puts counts by tenth into ten places. */
export function tenths(rows: readonly { bucket: number; n: number }[]): number[] {
  const out = new Array<number>(10).fill(0);
  for (const r of rows) {
    const i = Math.min(9, Math.max(0, Math.floor(r.bucket)));
    out[i] = (out[i] ?? 0) + r.n;
  }
  return out;
}

/** The complementary error function (Numerical Recipes' erfcc), to about 1e-7. */
function erfc(x: number): number {
  const z = Math.abs(x);
  const t = 1 / (1 + z / 2);
  const r = t * Math.exp(-z * z - 1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277)))))))));
  return x >= 0 ? r : 2 - r;
}

/** The p-value of two means of scores being the same, by the test of two proportions; 1 where one has none. Conservative, as wilson is. */
export function pOfDifference(a: Tally, b: Tally): number {
  if (a.n <= 0 || b.n <= 0) return 1;
  const pooled = (a.sum + b.sum) / (a.n + b.n);
  const variance = pooled * (1 - pooled) * (1 / a.n + 1 / b.n);
  if (variance <= 0) return 1;
  return erfc(Math.abs(a.sum / a.n - b.sum / b.n) / Math.sqrt(2 * variance));
}
