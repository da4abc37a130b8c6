import { useQuery } from '@tanstack/react-query';
import { get } from '~/api/client';
import { logsql } from '~/api/logsql';
import { niceStep } from '~/api/prom';
import type { Group, Timeline } from '~/api/types';
import { previous, useTime } from '~/state/time';
import { useParam, useParams } from '~/state/url';
import { useFilters } from '~/ui/CallFilters';
import { drilled, parseStep, type Step } from './drill';

export const splits = ['model', 'service', 'user', 'feature', 'tags.team', 'prompt_name,prompt_version', 'environment', 'session', 'provider', 'operation', 'agent', 'upstream', 'region', 'service_tier', 'cost.state'] as const;

export const groupLimit = 2000;

/** What is looked at: the split, the steps down to it, and all filters of both. */
export function useScope() {
  const [by] = useParam('by', 'model');
  const [params] = useParams();
  const own = useFilters();
  const steps = params.getAll('drill').map(parseStep).filter((s): s is Step => s !== undefined);
  return { by, dims: by.split(','), steps, own, filters: drilled(own, steps) };
}

type Answer = { groups: Group[] };

export function useGroups() {
  const { by, filters } = useScope();
  const { api } = useTime();
  // Split by the state of the cost, too: only so is the output of calls with a price known.
  const split = by === 'cost.state' ? by : `${by},cost.state`;
  const params = { ...filters, ...api, by: split, limit: groupLimit * 4 };
  return useQuery({ queryKey: ['costs', params], queryFn: ({ signal }) => get<Answer>('/costs', params, signal), placeholderData: (was, q) => ((q?.queryKey[1] as { by?: string } | undefined)?.by === split ? was : undefined) });
}

/** All calls in one: now, and in the period before. */
export function useTotals() {
  const { filters } = useScope();
  const { api, range } = useTime();
  const p = previous(range);
  const before = { start: new Date(p.from).toISOString(), end: new Date(p.to).toISOString() };
  const ask = (time: { start: string; end: string }) => {
    const params = { ...filters, ...time, limit: 1 };
    return { queryKey: ['costs', params], queryFn: ({ signal }: { signal: AbortSignal }) => get<Answer>('/costs', params, signal), placeholderData: (was: Answer | undefined) => was };
  };
  return { now: useQuery(ask(api)), before: useQuery(ask(before)) };
}

export function useTrend(enabled: boolean) {
  const { by, dims, filters } = useScope();
  const { api, range } = useTime();
  const step = niceStep(range.seconds, 60);
  const params = { ...filters, ...api, by, step: `${step}s`, limit: 8 };
  return useQuery({ queryKey: ['timeline', params], queryFn: ({ signal }) => get<Timeline>('/timeline', params, signal), placeholderData: (was) => was, enabled: enabled && dims.length === 1 });
}

/** The steps of a trend that the timeline cannot tell: of several dimensions. */
export function useGroupTrend() {
  const { by, dims, filters } = useScope();
  const { api, range } = useTime();
  const step = Math.max(60, niceStep(range.seconds, 60));
  const params = { ...filters, ...api, by, step: `${step}s`, limit: 10_000 };
  return { step, query: useQuery({ queryKey: ['costs', params], queryFn: ({ signal }) => get<Answer>('/costs', params, signal), placeholderData: (was) => was, enabled: dims.length > 1 }) };
}

/** The course of all calls, for sparklines. */
export function useCourse() {
  const { filters } = useScope();
  const { api, range } = useTime();
  const params = { ...filters, ...api, step: `${niceStep(range.seconds, 40)}s` };
  return useQuery({ queryKey: ['timeline', params], queryFn: ({ signal }) => get<Timeline>('/timeline', params, signal), placeholderData: (was) => was });
}

/** Names of the tags that calls have: tags.team, ... */
export function useTagNames(): string[] {
  const { api } = useTime();
  const q = useQuery({ queryKey: ['tags', api], queryFn: ({ signal }) => logsql('{kind="call"} | field_names | filter name:~"^tags[.]" | fields name | limit 50', { ...api, signal }), placeholderData: (was) => was, staleTime: 60_000 });
  return (q.data ?? []).map((r) => r['name'] ?? '').filter((n) => n !== '').sort();
}
