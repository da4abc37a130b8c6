import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { get } from '~/api/client';
import { useRules } from '~/api/judgements';
import { logsql, type Row } from '~/api/logsql';
import { niceStep } from '~/api/prom';
import type { Feedback } from '~/api/types';
import { previous, useTime } from '~/state/time';
import { useParam, useParams } from '~/state/url';
import { groupName } from '~/ui/dimensions';
import { chosenOf, everybody, feedbackParams, judgementQuery } from './filter';
import type { Tally } from './stats';

export function useQuality() {
  const [params] = useParams();
  const [by] = useParam('by', 'name');
  const rules = useRules();
  return { chosen: chosenOf(params), by, dims: by.split(','), rules: rules.data ?? new Set<string>(), settled: !rules.isPending };
}

/** Runs LogsQL over the judgements that are looked at. */
function useJudgements<T>(pipe: string, read: (rows: Row[]) => T, o: { scores?: boolean; before?: boolean } = {}) {
  const { chosen, rules, settled } = useQuality();
  const { api, range } = useTime();
  const was = previous(range);
  const time = o.before ? { start: new Date(was.from).toISOString(), end: new Date(was.to).toISOString() } : api;
  const query = `${judgementQuery(chosen, rules, { scores: o.scores ?? true })} | ${pipe}`;
  return useQuery({ queryKey: ['judgements', query, time], queryFn: async ({ signal }) => read(await logsql(query, { ...time, signal })), enabled: settled, placeholderData: (x) => x });
}

const number = (r: Row, k: string) => Number(r[k] ?? 0) || 0;

export interface Sum {
  all: number;
  scores: Tally;
  up: number;
  down: number;
}

const sums = 'stats count() all, count(score) n, sum(score) s, count() if (label:=thumbs_up) up, count() if (label:=thumbs_down) down';

const readSum = ([r = {}]: Row[]): Sum => ({ all: number(r, 'all'), scores: { n: number(r, 'n'), sum: number(r, 's') }, up: number(r, 'up'), down: number(r, 'down') });

export const useSum = () => useJudgements(sums, readSum);
export const useSumBefore = () => useJudgements(sums, readSum, { before: true });

export interface Cell extends Tally {
  /** Unix seconds. */
  time: number;
  group: string;
  all: number;
}

export function useStep(): number {
  const { range } = useTime();
  return Math.max(60, niceStep(range.seconds, 36));
}

export function useCells() {
  const { dims } = useQuality();
  const step = useStep();
  return useJudgements(`stats by (_time:${step}s, ${dims.join(', ')}) count() all, count(score) n, sum(score) s`, (rows) => rows.map((r): Cell => ({ time: Date.parse(r['_time'] ?? '') / 1000, group: groupName(r, dims), all: number(r, 'all'), n: number(r, 'n'), sum: number(r, 's') })));
}

export function useBuckets() {
  return useJudgements('filter score:* | math floor(score*10) as bucket | stats by (bucket) count() n', (rows) => rows.map((r) => ({ bucket: number(r, 'bucket'), n: number(r, 'n') })), { scores: false });
}

interface Page {
  feedback: Feedback[];
  next_cursor?: string;
}

/** Judgements from the worst on. */
export function useWorst(everyone: boolean) {
  const { chosen: own, rules, settled } = useQuality();
  const chosen = everyone ? { ...own, filters: { ...own.filters, evaluator: everybody } } : own;
  const params = feedbackParams(chosen, rules);
  const { api } = useTime();
  return useInfiniteQuery({
    queryKey: ['worst', params, chosen.min, chosen.max, api],
    enabled: settled,
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }) => {
      const page = await get<Page>('/feedback', { ...params, ...api, min_score: chosen.min, max_score: chosen.max, order: 'score', limit: 100, cursor: pageParam }, signal);
      return { rows: page.feedback, next: page.next_cursor };
    },
    getNextPageParam: (last) => last.next,
    placeholderData: (was) => was,
  });
}
