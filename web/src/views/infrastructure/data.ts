import { useQuery } from '@tanstack/react-query';
import { instant, niceStep, promDuration, range } from '~/api/prom';
import { useTime } from '~/state/time';
import { gridOf, union } from '~/ui/prom/data';
import { gpuMeasures, gpusOf } from './gpus';
import { measures, seen, serverRows } from './servers';

/** All measures of all servers in one request. */
export function useServers() {
  const { range: r } = useTime();
  const time = r.to / 1000;
  return useQuery({
    queryKey: ['model-servers', time, r.seconds],
    queryFn: async ({ signal }) => {
      const [samples, up] = await Promise.all([instant(union({ ...measures, seen: seen(promDuration(Math.min(r.seconds, 86_400))) }), time, signal), instant('up', time, signal)]);
      return serverRows(samples, up);
    },
    placeholderData: (was) => was,
  });
}

export function useGPUs() {
  const { range: r } = useTime();
  const time = r.to / 1000;
  const grid = gridOf(r.from, r.to, niceStep(r.seconds, 60));
  return useQuery({
    queryKey: ['gpus', time, grid],
    queryFn: async ({ signal }) => {
      const [samples, history] = await Promise.all([instant(union(gpuMeasures), time, signal), range(gpuMeasures.utilization, grid.start, grid.end, grid.step, signal)]);
      return gpusOf(samples, history, grid);
    },
    placeholderData: (was) => was,
  });
}

export interface ModelPrice {
  model: string;
  total: number;
  phases: { phase: string; usd: number }[];
}

export const priceExpr = 'sum by (model, phase) (llm_cost_per_million_tokens)';

/** What a million tokens of one's own models cost, by what the machines did. */
export function usePrices() {
  const { range: r } = useTime();
  const time = r.to / 1000;
  return useQuery({
    queryKey: ['price-per-million', time],
    queryFn: async ({ signal }) => {
      const out = new Map<string, ModelPrice>();
      for (const s of await instant(priceExpr, time, signal)) {
        const usd = Number(s.value?.[1]);
        if (!Number.isFinite(usd)) continue;
        const model = s.metric.model ?? '';
        const p = out.get(model) ?? { model, total: 0, phases: [] };
        p.total += usd;
        p.phases.push({ phase: s.metric.phase ?? '', usd });
        out.set(model, p);
      }
      return [...out.values()].sort((a, b) => b.total - a.total);
    },
    placeholderData: (was) => was,
  });
}
