// What is judged in a range, and by whom. Rules judge every answer, but only their
// failures are kept as judgements: their mean says nothing.

import { useQuery } from '@tanstack/react-query';
import { logsql } from './logsql';
import { instant } from './prom';

export interface Judged {
  name: string;
  evaluator: string;
  count: number;
  /** Made by a rule: kept only where it failed, unless quality.store says all. */
  rule: boolean;
}

/** The rules that Pitot has of its own; patterns of the configuration are known by their metrics. */
export const ownRules = ['refusal', 'empty', 'truncated', 'json', 'tool_arguments', 'language', 'repetition', 'prompt_leak'] as const;

/** Evaluators that judge by themselves and are no judges are rules. */
export function rulesOf(evaluating: readonly string[], judges: readonly string[]): Set<string> {
  return new Set([...ownRules, ...evaluating.filter((e) => !judges.includes(e))]);
}

/** The evaluators that are rules, now. */
export async function ruleNames(signal?: AbortSignal): Promise<Set<string>> {
  const now = Date.now() / 1000;
  const labels = async (expr: string, label: string) => (await instant(expr, now, signal)).map((s) => s.metric[label] ?? '');
  const [evaluating, judges] = await Promise.all([labels('group by (evaluator) (last_over_time(pitot_quality_judgements_total[1h]))', 'evaluator'), labels('group by (judge) (last_over_time(pitot_quality_judge_runs_total[1h]))', 'judge')]);
  return rulesOf(evaluating, judges);
}

export function useRules() {
  return useQuery({ queryKey: ['rules'], queryFn: ({ signal }) => ruleNames(signal), staleTime: 300_000 });
}

/** The judgements of a range by name and evaluator, the most frequent first. */
export function useJudged(range: { start: string; end: string }) {
  const rules = useRules();
  const query = useQuery({
    queryKey: ['judged', range],
    queryFn: ({ signal }) => logsql('{kind="feedback"} | stats by (name, evaluator) count() n | sort by (n desc) | limit 1000', { ...range, signal }),
    placeholderData: (was) => was,
    staleTime: 30_000,
  });
  const list: Judged[] = (query.data ?? []).map((r) => ({ name: r['name'] ?? '', evaluator: r['evaluator'] ?? '', count: Number(r['n']), rule: rules.data?.has(r['evaluator'] ?? '') ?? false }));
  return { list, settled: (query.isSuccess || query.isError) && (rules.isSuccess || rules.isError) };
}
