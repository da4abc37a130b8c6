import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { get } from '~/api/client';
import { useJudged } from '~/api/judgements';
import { niceStep } from '~/api/prom';
import type { Comparison, Group, Timeline } from '~/api/types';
import { useTime } from '~/state/time';
import { useParam, useParams } from '~/state/url';
import { useFilters } from '~/ui/CallFilters';
import { groupName } from '~/ui/dimensions';
import { keyOf, type Row } from './measures';

export const groupings = ['model', 'provider', 'model,provider', 'region', 'service', 'service,model', 'feature', 'prompt_name', 'prompt_name,prompt_version', 'environment', 'operation', 'upstream', 'response_model', 'service_tier', 'agent', 'tags.team'] as const;

/** What is compared: in the URL, all of it. */
export function useChoice() {
  const [by] = useParam('by', 'model');
  const [baseline] = useParam('baseline');
  const [judgement] = useParam('judgement');
  const [limit] = useParam('limit', '20');
  const [params] = useParams();
  const filters = useFilters();
  return { by, dims: by.split(','), baseline, judgement, limit, picks: params.getAll('pick'), filters };
}

/** Stands for every judgement, of rules, too. */
export const everyJudgement = '*';

/** What counts as quality: what was chosen, else the most frequent judgement that no rule made; undefined where rules alone judged. */
export function useJudgement() {
  const { judgement } = useChoice();
  const { api } = useTime();
  const { list, settled } = useJudged(api);
  const names = [...new Map(list.filter((j) => j.name !== '').map((j) => [j.name, list.some((k) => k.name === j.name && !k.rule)])).entries()].map(([name, mean]) => ({ name, rule: !mean }));
  const chosen = judgement !== '' ? judgement : names.find((n) => !n.rule)?.name ?? (names.length === 0 ? everyJudgement : undefined);
  return { names, chosen, settled };
}

/** The groups side by side with their totals. */
export function useComparison() {
  const { by, dims, baseline, limit, filters } = useChoice();
  const { api } = useTime();
  const { chosen, settled } = useJudgement();
  const judgement = chosen === everyJudgement ? undefined : chosen;
  const compareParams = { ...filters, ...api, by, baseline, judgement, limit };
  const comparison = useQuery({ queryKey: ['compare', compareParams], queryFn: ({ signal }) => get<Comparison>('/compare', compareParams, signal), placeholderData: (was) => (was?.by.join() === by ? was : undefined), enabled: settled });
  const costParams = { ...filters, ...api, by, limit: 1000 };
  const costs = useQuery({ queryKey: ['costs', costParams], queryFn: ({ signal }) => get<{ groups: Group[] }>('/costs', costParams, signal), placeholderData: (was) => was });
  const rows = useMemo<Row[]>(() => {
    const totals = new Map((costs.data?.groups ?? []).map((g) => [keyOf(g.values ?? {}, dims), g.totals]));
    return (comparison.data?.groups ?? []).map((each) => {
      const key = keyOf(each.values, dims);
      // Failures of rules alone make no mean.
      const group = chosen === undefined ? { ...each, quality: undefined } : each;
      return { key, name: groupName(group.values, dims), group, totals: totals.get(key) };
    });
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [comparison.data, costs.data, by, chosen]);
  return { comparison, rows };
}

/** Calls, tokens, cost and time by step, for each group. */
export function useSteps(enabled: boolean) {
  const { by, filters } = useChoice();
  const { api, range } = useTime();
  const step = Math.max(60, niceStep(range.seconds, 60));
  const params = { ...filters, ...api, by, step: `${step}s`, limit: 10_000 };
  return useQuery({ queryKey: ['costs', params], queryFn: ({ signal }) => get<{ groups: Group[] }>('/costs', params, signal), placeholderData: (was) => was, enabled });
}

/** Quantiles by step, for each group of one dimension. */
export function useQuantiles(enabled: boolean) {
  const { by, filters } = useChoice();
  const { api, range } = useTime();
  const params = { ...filters, ...api, by, step: `${niceStep(range.seconds, 60)}s`, limit: 20, quantiles: true };
  return useQuery({ queryKey: ['timeline', params], queryFn: ({ signal }) => get<Timeline>('/timeline', params, signal), placeholderData: (was) => was, enabled });
}
