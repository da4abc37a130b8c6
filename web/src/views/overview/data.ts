// What the overview asks. Counts, tokens and money are the events' own, from
// rollups where the range is long, so that figures, charts and the lists they
// lead to agree. Quantiles come from native histograms for short ranges, whatever
// the number of calls, and from the events where metrics do not know the answer:
// a filter by environment, long ranges, a store whose metrics are younger.

import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { get, type Params } from '~/api/client';
import { instant, niceStep, promDuration, range as promRange } from '~/api/prom';
import type { BudgetReport, Facet, Group, SLOReport, Summary, Timeline, Totals } from '~/api/types';
import { request } from '~/api/client';
import { colour, colours } from '~/chart/palette';
import { useScheme, type ChartBand } from '~/chart/TimeChart';
import { previous, useTime, type TimeRange } from '~/state/time';
import { useParams } from '~/state/url';
import { gridOf, partsOf, union } from '~/ui/prom/data';
import type { Alert } from './attention';
import { bandsOf, type Concern } from './bands';
import { apiFilter, choiceOf, dimensions, needsEvents, selector, type Choice } from './filters';

/** Up to this quantiles of single calls cost more than those of histograms; past it rollups have them. */
export const metricsUpTo = 6 * 3600;

export interface Scene {
  choice: Choice;
  filter: Params;
  range: TimeRange;
  /** Filter and range as parameters of the API. */
  params: Params;
  before: Params;
  /** Of the bars and lines of events. */
  step: number;
  /** Braces and matchers for PromQL. */
  sel: string;
  allEnvironments: boolean;
}

export function useScene(): Scene {
  const [params] = useParams();
  const { range, api } = useTime();
  const choice = choiceOf(params);
  const filter = apiFilter(choice);
  const was = previous(range);
  // The period before need not follow each refresh to the second.
  const grain = range.seconds <= 900 ? 10_000 : 60_000;
  const back = range.live ? was.from % grain : 0;
  const iso = (ms: number) => new Date(ms).toISOString();
  return {
    choice, filter, range,
    params: { ...filter, start: api.start, end: api.end },
    before: { ...filter, start: iso(was.from - back), end: iso(was.to - back) },
    step: niceStep(range.seconds, 60),
    sel: selector(choice),
    allEnvironments: needsEvents(choice),
  };
}

export interface TimelineOptions {
  by?: string;
  status?: 'ok' | 'error';
  quantiles?: boolean;
  limit?: number;
}

export function timelineParams(s: Scene, o: TimelineOptions = {}): Params {
  return { ...s.params, step: promDuration(s.step), by: o.by, status: o.status, limit: o.limit, quantiles: o.quantiles ? 'true' : undefined };
}

export function useTimeline(s: Scene, o: TimelineOptions = {}, enabled = true): UseQueryResult<Timeline> {
  const params = timelineParams(s, o);
  return useQuery({ queryKey: ['timeline', params], queryFn: ({ signal }) => get<Timeline>('/timeline', params, signal), placeholderData: (was) => was, enabled });
}

function useCosts(params: Params): UseQueryResult<Totals | null> {
  return useQuery({
    queryKey: ['costs', params],
    queryFn: async ({ signal }) => {
      const totals = (await get<{ groups: Group[] | null }>('/costs', params, signal)).groups?.[0]?.totals;
      return totals === undefined || totals.calls === 0 ? null : totals;
    },
    placeholderData: (was) => was,
  });
}

/** The sums of the range and of the one before; null where there are no calls. */
export function useTotals(s: Scene): { now: UseQueryResult<Totals | null>; before: UseQueryResult<Totals | null> } {
  return { now: useCosts(s.params), before: useCosts(s.before) };
}

export interface Speeds {
  latency?: number;
  ttft?: number;
  /** Median seconds per output token. */
  tpot?: number;
  medianLatency?: number;
  medianTTFT?: number;
}

const families = { latency: ['llm_request_duration_seconds', 0.95], ttft: ['llm_time_to_first_token_seconds', 0.95], tpot: ['llm_time_per_output_token_seconds', 0.5], medianLatency: ['llm_request_duration_seconds', 0.5], medianTTFT: ['llm_time_to_first_token_seconds', 0.5] } as const;

function speedExpr(which: keyof Speeds, s: Scene, offset = false): string {
  const [name, q] = families[which];
  const window = promDuration(s.range.seconds);
  return `histogram_quantile(${q}, sum(increase(${name}${s.sel}[${window}]${offset ? ` offset ${window}` : ''})))`;
}

/** Quantiles over the whole range and the one before, and where they and their charts come from. */
export function useSpeeds(s: Scene): { now: Speeds | undefined; before: Speeds | undefined; source: 'metrics' | 'events' | undefined; error: unknown } {
  const short = s.range.seconds <= metricsUpTo && !s.allEnvironments;
  const names = Object.keys(families) as (keyof Speeds)[];
  const expr = union(Object.fromEntries(names.flatMap((n) => [[n, speedExpr(n, s)], ...(n.startsWith('median') ? [] : [[`${n}_before`, speedExpr(n, s, true)]])])));
  const time = s.range.to / 1000;
  const metrics = useQuery({ queryKey: ['speeds', expr, time], queryFn: async ({ signal }) => partsOf(await instant(expr, time, signal)), placeholderData: (was) => was, enabled: short });
  // Nothing in the metrics: either there are no calls, which the events say as fast, or metrics began later.
  const events = !short || (metrics.data !== undefined && metrics.data.latency === undefined) || metrics.error !== null;
  const summary = (params: Params) => ({
    queryKey: ['summary', params],
    queryFn: ({ signal }: { signal: AbortSignal }) => get<Summary>('/summary', params, signal),
    placeholderData: (was: Summary | undefined) => was,
    enabled: events,
  });
  const now = useQuery(summary(s.params));
  const before = useQuery({ ...summary(s.before), enabled: events && now.data !== undefined });
  const of = (x: Summary | undefined): Speeds | undefined => (x === undefined ? undefined : { latency: x.latency_seconds?.p95, ttft: x.ttft_seconds?.p95, tpot: x.tpot_seconds?.p50, medianLatency: x.latency_seconds?.p50, medianTTFT: x.ttft_seconds?.p50 });
  if (events) return { now: of(now.data), before: of(before.data), source: 'events', error: now.error };
  const m = metrics.data;
  if (m === undefined) return { now: undefined, before: undefined, source: undefined, error: null };
  return { now: { latency: m.latency, ttft: m.ttft, tpot: m.tpot, medianLatency: m.medianLatency, medianTTFT: m.medianTTFT }, before: { latency: m.latency_before, ttft: m.ttft_before, tpot: m.tpot_before }, source: 'metrics', error: null };
}

/** When alerts fired within the range, by what they are about. */
export function useBands(s: Scene): Map<Concern, ChartBand[]> {
  const grid = gridOf(s.range.from, s.range.to, niceStep(s.range.seconds, 120));
  const q = useQuery({
    queryKey: ['alert-bands', grid],
    queryFn: ({ signal }) => promRange('ALERTS{alertstate="firing"}', grid.start, grid.end, grid.step, signal),
    placeholderData: (was) => was,
  });
  return bandsOf(q.data ?? [], grid.step, s.choice);
}

/** What is firing now. */
export function useAlerts(tick: number): UseQueryResult<Alert[]> {
  return useQuery({
    queryKey: ['firing', tick],
    queryFn: async ({ signal }) => (await (await request('/alertmanager/api/v2/alerts', { params: { active: true, silenced: false, inhibited: false }, signal })).json()) as Alert[],
    placeholderData: (was) => was,
  });
}

export function useSLOs(tick: number): UseQueryResult<SLOReport> {
  return useQuery({ queryKey: ['slos', tick], queryFn: ({ signal }) => get<SLOReport>('/slos', {}, signal), placeholderData: (was) => was });
}

export function useBudgets(tick: number): UseQueryResult<BudgetReport> {
  return useQuery({ queryKey: ['budgets', tick], queryFn: ({ signal }) => get<BudgetReport>('/budgets', {}, signal), placeholderData: (was) => was });
}

/** The values that can be chosen, of at least a day: they need not follow each refresh. */
export function useValues(s: Scene): UseQueryResult<Facet[]> {
  const coarse = (ms: number) => Math.floor(ms / 600_000) * 600_000;
  const start = new Date(Math.min(coarse(s.range.from), coarse(s.range.to) - 24 * 3600_000)).toISOString();
  const end = new Date(coarse(s.range.to) + 600_000).toISOString();
  return useQuery({
    queryKey: ['facets', dimensions, start, end],
    queryFn: async ({ signal }) => (await get<{ facets: Facet[] | null }>('/facets', { fields: dimensions.join(','), limit: 100, start, end }, signal)).facets ?? [],
    placeholderData: (was) => was,
    staleTime: 5 * 60_000,
  });
}

/** One colour a model or service on all panels: the most frequent ones have colours of their own. */
export function useColours(s: Scene, field: 'model' | 'service'): (name: string) => string | undefined {
  const scheme = useScheme();
  const values = useValues(s).data?.find((f) => f.field === field)?.values ?? [];
  const own = colours(values.slice(0, 12).map((v) => v.value), scheme);
  return (name) => (values.length === 0 || name === '__other__' ? undefined : (own.get(name) ?? colour(name, scheme)));
}
