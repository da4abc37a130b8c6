// The cost of models on machines of one's own, from their series by model and phase.

import type { Series } from '~/api/prom';
import type { ChartSeries } from '~/chart/TimeChart';
import type { Merged } from './groups';
import { unpricedOf } from './groups';

export interface SelfHosted {
  model: string;
  /** US dollars per million tokens by prefill, decode, idle, ... */
  phases: Record<string, number>;
  total: number;
}

const finite = (v: string) => (Number.isFinite(Number(v)) ? Number(v) : undefined);

/** The last known value of each phase; a model that has not been seen at the end of the range is left out. */
export function latestByModel(series: readonly Series[]): SelfHosted[] {
  const end = Math.max(0, ...series.map((s) => s.values?.at(-1)?.[0] ?? 0));
  const out = new Map<string, SelfHosted>();
  for (const s of series) {
    const last = s.values?.at(-1);
    const v = last === undefined || last[0] < end ? undefined : finite(last[1]);
    if (v === undefined) continue;
    const model = s.metric['model'] ?? '';
    const m = out.get(model) ?? { model, phases: {}, total: 0 };
    m.phases[s.metric['phase'] ?? ''] = v;
    m.total += v;
    out.set(model, m);
  }
  return [...out.values()].sort((a, b) => b.total - a.total);
}

/** All phases together, over time. A time at which a phase is missing is a gap: a part is no total. */
export function totalsOverTime(series: readonly Series[]): { times: number[]; series: ChartSeries[] } {
  const times = [...new Set(series.flatMap((s) => (s.values ?? []).map(([t]) => t)))].sort((a, b) => a - b);
  const models = new Map<string, Map<number, number>[]>();
  for (const s of series) {
    const m = models.get(s.metric['model'] ?? '') ?? [];
    m.push(new Map((s.values ?? []).map(([t, v]) => [t, Number(v)])));
    models.set(s.metric['model'] ?? '', m);
  }
  return {
    times,
    series: [...models.entries()].map(([name, phases]) => ({
      name,
      values: times.map((t) => {
        let sum = 0;
        for (const p of phases) {
          const v = p.get(t);
          if (v === undefined || !Number.isFinite(v)) return null;
          sum += v;
        }
        return sum;
      }),
    })),
  };
}

/** What calls with a price cost per million tokens of input and output; models of which too much has no price are left out. */
export function paidPerMillion(groups: readonly Merged[]): { model: string; usd: number }[] {
  return groups
    .filter((g) => unpricedOf(g.totals) <= g.totals.calls / 10 && g.totals.input_tokens + g.totals.output_tokens > 1000 && g.totals.cost_usd > 0)
    .map((g) => ({ model: g.values?.['model'] ?? '', usd: (g.totals.cost_usd * 1e6) / (g.totals.input_tokens + g.totals.output_tokens) }))
    .sort((a, b) => b.usd - a.usd);
}
