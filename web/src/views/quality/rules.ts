// How often rules failed, from metrics: they count every answer that was judged.

import { useQuery } from '@tanstack/react-query';
import { useRules } from '~/api/judgements';
import { instant, niceStep, promDuration, quote, range as promRange, rateInterval } from '~/api/prom';
import { useTime } from '~/state/time';
import { useParams } from '~/state/url';
import { chosenOf } from './filter';

export interface RuleTotal {
  evaluator: string;
  /** Rounded: metrics count between scrapes. */
  judged: number;
  failed: number;
  share: number;
}

/** Label matchers of the filters that metrics know. */
export function matchers(filters: Record<string, string>, rules: readonly string[]): string {
  const labels: Record<string, string> = { service: 'service', provider: 'provider', model: 'model', operation: 'method' };
  const own = Object.entries(filters).flatMap(([k, v]) => (labels[k] === undefined ? [] : [`${labels[k]}=${quote(v)}`]));
  return `{${[`evaluator=~${quote(rules.map((r) => r.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|'))}`, ...own].join(',')}}`;
}

/** Joins what was judged and what passed. */
export function ruleTotals(counts: ReadonlyMap<string, number>, passed: ReadonlyMap<string, number>): RuleTotal[] {
  return [...counts.entries()]
    .filter(([, n]) => n >= 0.5)
    .map(([evaluator, n]) => {
      const share = Math.min(1, Math.max(0, 1 - (passed.get(evaluator) ?? 0) / n));
      return { evaluator, judged: Math.round(n), failed: Math.round(share * n), share };
    })
    .sort((a, b) => b.failed - a.failed || b.judged - a.judged);
}

/** Pitot's own counters say exactly what failed, but know no service or model: with a filter by these the scores tell. */
export function ruleExpressions(filters: Record<string, string>, rules: readonly string[], window: string, f: 'increase' | 'rate'): { judged: string; passed: string } {
  const filtered = ['service', 'provider', 'model', 'operation'].some((k) => filters[k] !== undefined);
  if (!filtered) {
    const m = matchers({}, rules);
    const of = (more: string) => `sum by (evaluator) (${f}(pitot_quality_judgements_total${m.slice(0, -1)}${more}}[${window}]))`;
    return { judged: of(''), passed: of(',result="pass"') };
  }
  const m = matchers(filters, rules);
  return { judged: `sum by (evaluator) (${f}(llm_response_quality_score_count${m}[${window}]))`, passed: `sum by (evaluator) (${f}(llm_response_quality_score_sum${m}[${window}]))` };
}

function useChosen() {
  const [params] = useParams();
  const rules = useRules();
  return { filters: chosenOf(params).filters, rules: rules.data === undefined ? undefined : [...rules.data].sort() };
}

export function useRuleTotals() {
  const { filters, rules } = useChosen();
  const { range } = useTime();
  const at = range.to / 1000;
  const e = ruleExpressions(filters, rules ?? [], promDuration(Math.max(60, Math.round(range.seconds))), 'increase');
  return useQuery({
    queryKey: ['rule totals', e, at],
    enabled: rules !== undefined,
    queryFn: async ({ signal }) => {
      const read = async (expr: string) => new Map((await instant(expr, at, signal)).map((s) => [s.metric['evaluator'] ?? '', Number(s.value?.[1] ?? NaN)]));
      const [judged, passed] = await Promise.all([read(e.judged), read(e.passed)]);
      return ruleTotals(judged, passed);
    },
    placeholderData: (was) => was,
  });
}

/** The share that failed over time, by rule. */
export function useRuleCourse() {
  const { filters, rules } = useChosen();
  const { range } = useTime();
  const step = niceStep(range.seconds, 60);
  const e = ruleExpressions(filters, rules ?? [], promDuration(Math.max(300, rateInterval(step))), 'rate');
  // A rule that all answers failed has nothing that passed.
  const expr = `1 - (${e.passed} or ${e.judged} * 0) / (${e.judged} > 0)`;
  const [from, to] = [range.from / 1000, range.to / 1000];
  return { expr, query: useQuery({ queryKey: ['range', expr, from, to, step], queryFn: ({ signal }) => promRange(expr, from, to, step, signal), enabled: rules !== undefined, placeholderData: (was) => was }) };
}
