// From the answers of the events' timeline to what charts show.

import type { Timeline } from '~/api/types';
import type { ChartSeries } from '~/chart/TimeChart';

type Column = 'calls' | 'errors' | 'input_tokens' | 'output_tokens' | 'cost_usd';

export const seconds = (t: Timeline) => t.times.map((x) => Date.parse(x) / 1000);

export const total = (values: readonly (number | null | undefined)[] | undefined) => (values ?? []).reduce<number>((sum, v) => sum + (v ?? 0), 0);

/** The values of a timeline that is not split. */
export function column(t: Timeline | undefined, name: Column): number[] {
  return t?.series?.[0]?.[name] ?? [];
}

/**
 * What was counted in each step as a rate. The first and the last step are
 * shorter than the others where the range cuts them; of a piece that says too
 * little there is none.
 */
export function perSecond(values: readonly number[], times: readonly number[], step: number, from: number, to: number): (number | null)[] {
  return values.map((v, i) => {
    const start = Math.max(times[i] ?? 0, from);
    const covered = Math.min((times[i] ?? 0) + step, to) - start;
    return covered < step * 0.3 ? null : v / covered;
  });
}

/** The quotient of two columns where the second is not 0. */
export function quotient(a: readonly number[], b: readonly number[]): (number | null)[] {
  return a.map((v, i) => ((b[i] ?? 0) > 0 ? v / (b[i] ?? 1) : null));
}

/** A line for each value of the dimension that the timeline is split by, the largest first: it is the lowest of a stack. */
export function split(t: Timeline, name: Column, label: (value: string) => string): ChartSeries[] {
  return (t.series ?? [])
    .filter((s) => total(s[name]) > 0)
    .sort((a, b) => total(b[name]) - total(a[name]))
    .map((s) => ({ name: s.value === '' ? '–' : s.value, label: label(s.value), values: s[name] ?? [] }));
}
