// What the page asks of the Prometheus API.

import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { exemplars, niceStep, prom, type QueryResult } from '~/api/prom';
import { useTime } from '~/state/time';

export interface Outcome {
  result: QueryResult;
  warnings: string[];
  infos: string[];
  /** That the engine took, without the way to it. */
  seconds: number | undefined;
  /** That it read. */
  samples: number | undefined;
}

interface Timed {
  stats?: { timings?: { execTotalTime?: number }; samples?: { totalQueryableSamples?: number } };
}

async function ask(path: string, params: Record<string, string | number | undefined>, signal: AbortSignal): Promise<Outcome> {
  const a = await prom<QueryResult & Timed>(path, { ...params, stats: 'true' }, signal);
  return { result: a.data, warnings: a.warnings ?? [], infos: a.infos ?? [], seconds: a.data.stats?.timings?.execTotalTime, samples: a.data.stats?.samples?.totalQueryableSamples };
}

export function useInstant(expr: string, enabled = true, limit?: number) {
  const { range } = useTime();
  const time = range.to / 1000;
  return useQuery({
    queryKey: ['promql', 'instant', expr, time, limit],
    queryFn: ({ signal }) => ask('/query', { query: expr, time, limit }, signal),
    enabled: enabled && expr.trim() !== '',
    placeholderData: (was, q) => (q?.queryKey[2] === expr ? was : undefined),
  });
}

/** The step that was asked for, or one that fits the range; the range begins at a multiple of it, so that points do not move. */
export function useStep(asked: number | undefined): { step: number; start: number; end: number } {
  const { range } = useTime();
  const step = asked ?? niceStep(range.seconds, 240);
  const start = Math.ceil(range.from / 1000 / step) * step;
  return { step, start, end: Math.max(start, Math.floor(range.to / 1000 / step) * step) };
}

export function useRange(expr: string, asked: number | undefined, enabled = true) {
  const at = useStep(asked);
  const query = useQuery({
    queryKey: ['promql', 'range', expr, at.start, at.end, at.step],
    queryFn: ({ signal }) => ask('/query_range', { query: expr, start: at.start, end: at.end, step: at.step }, signal),
    enabled: enabled && expr.trim() !== '',
    placeholderData: (was, q) => (q?.queryKey[2] === expr ? was : undefined),
  });
  return { query, ...at };
}

export function useExemplars(expr: string, enabled: boolean) {
  const { range } = useTime();
  return useQuery({
    queryKey: ['promql', 'exemplars', expr, range.from, range.to],
    queryFn: ({ signal }) => exemplars(expr, range.from / 1000, range.to / 1000, signal),
    enabled: enabled && expr.trim() !== '',
    placeholderData: keepPreviousData,
  });
}
