// What judgements are looked at, as parameters of GET /feedback and as LogsQL.

import { quote } from '~/api/logsql';
import { joinQueries } from '~/ui/dimensions';

/** Parameters of the URL that GET /feedback takes as they are. */
export const judgementFilters = ['evaluator', 'name', 'label', 'service', 'provider', 'model', 'operation', 'feature', 'prompt_name', 'session', 'trace_id', 'query'] as const;

export interface Chosen {
  filters: Record<string, string>;
  min: number;
  max: number;
}

const score = (text: string | null, other: number) => {
  const n = text === null || text === '' ? NaN : Number(text);
  return n >= 0 && n <= 1 ? n : other;
};

export function chosenOf(q: URLSearchParams): Chosen {
  const filters: Record<string, string> = {};
  for (const k of judgementFilters) {
    const v = q.get(k);
    if (v !== null && v !== '') filters[k] = v;
  }
  const min = score(q.get('min_score'), 0);
  return { filters, min, max: Math.max(min, score(q.get('max_score'), 1)) };
}

/** The value of evaluator that stands for all of them, rules, too. */
export const everybody = '*';

const withoutRules = (rules: ReadonlySet<string>) => `!evaluator:in(${[...rules].sort().map(quote).join(', ')})`;

/** The parameters of GET /feedback. */
export function feedbackParams(c: Chosen, rules: ReadonlySet<string>): Record<string, string> {
  const { evaluator, ...rest } = c.filters;
  if (evaluator === everybody) return rest;
  if (evaluator !== undefined) return c.filters;
  const query = rules.size === 0 ? rest['query'] : joinQueries(rest['query'], withoutRules(rules));
  return query === undefined ? rest : { ...rest, query };
}

/** The conditions as LogsQL. Rules are left out where no evaluator is asked for: they keep their failures only, and a mean of these says nothing. */
export function judgementQuery(c: Chosen, rules: ReadonlySet<string>, o: { scores: boolean }): string {
  const parts = ['{kind="feedback"}'];
  for (const [k, v] of Object.entries(c.filters)) {
    if (k !== 'query' && k !== 'label' && v !== everybody) parts.push(`${k === 'session' ? 'session_id' : k}:=${quote(v)}`);
  }
  if (c.filters['evaluator'] === undefined && rules.size > 0) parts.push(withoutRules(rules));
  const own = c.filters['query'];
  if (own !== undefined) parts.push(`(${own})`);
  // What was said again under the same key replaces what was said before, whatever its score and label were then.
  const last: string[] = [];
  if (c.filters['label'] !== undefined) last.push(`label:=${quote(c.filters['label'])}`);
  if (o.scores && c.min > 0) last.push(`score:>=${c.min}`);
  if (o.scores && c.max < 1) last.push(`score:<=${c.max}`);
  return [parts.join(' '), ...versions, ...(last.length === 0 ? [] : [`filter ${last.join(' ')}`])].join(' | ');
}

/** Of each judgement the last version. A first version has no feedback_id: its id is the judgement's. */
const versions = ['format if (feedback_id:"") "<id>" as feedback_id', 'first 1 by (received desc) partition by (feedback_id)'];

/** What judgements themselves know, and so can be grouped by. */
export const groupings = ['name', 'evaluator', 'model', 'prompt_name,prompt_version', 'feature', 'service', 'provider', 'user'] as const;
