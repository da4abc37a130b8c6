// The filter of a list of calls: how it stands in the URL, what it asks of the
// API, and how it is said in LogsQL.
//
// A condition that the API has a parameter for stands under that name
// (service=checkout), so that other pages and alerts can link here. Several values
// of a field, and values that are not wanted, stand under `where`, as in the
// selections of explain: where=model=gpt-4o,gpt-4o-mini&where=user!=u1.

import { quote } from '~/api/logsql';
import type { Params } from '~/api/client';
import { parseDuration } from '~/state/time';
import type { Changes } from '~/state/url';

/** Fields that are a parameter of the API by themselves. */
export const apiFields = ['service', 'environment', 'provider', 'model', 'operation', 'status', 'user', 'session', 'feature', 'agent', 'dialect', 'prompt_name', 'error_type', 'source', 'trace_id'] as const;

const hasParameter = (field: string) => (apiFields as readonly string[]).includes(field) || field.startsWith('tags.');

export interface Condition {
  field: string;
  not: boolean;
  /** Any of these. */
  values: string[];
}

export interface Filters {
  search: string;
  query: string;
  min: string;
  max: string;
  conditions: Condition[];
}

export const noFilters: Filters = { search: '', query: '', min: '', max: '', conditions: [] };

/** Writes a condition as field=a,b or field!=a; values with a comma, a quote or a blank are quoted. */
export function formatCondition(c: Condition): string {
  return c.field + (c.not ? '!=' : '=') + c.values.map((v) => (/^[^",\s]+$/.test(v) ? v : JSON.stringify(v))).join(',');
}

/** Reads what formatCondition writes; undefined for anything else. */
export function parseCondition(text: string): Condition | undefined {
  const head = /^([\w.:/-]+?)(!?=)/.exec(text);
  if (head === null) return undefined;
  const values: string[] = [];
  let rest = text.slice(head[0].length);
  for (;;) {
    const quoted = /^"(?:[^"\\]|\\.)*"/.exec(rest);
    const plain = quoted ?? /^[^",]*/.exec(rest);
    const token = plain?.[0] ?? '';
    if (quoted) {
      try {
        values.push(JSON.parse(token) as string);
      } catch {
        return undefined;
      }
    } else values.push(token);
    rest = rest.slice(token.length);
    if (rest === '') break;
    if (!rest.startsWith(',')) return undefined;
    rest = rest.slice(1);
  }
  const some = values.filter((v) => v !== '');
  return some.length === 0 ? undefined : { field: head[1] ?? '', not: head[2] === '!=', values: some };
}

/** One condition a field and sign. */
function merge(list: readonly Condition[]): Condition[] {
  const out = new Map<string, Condition>();
  for (const c of list) {
    const k = `${c.not ? '!' : ''}${c.field}`;
    const was = out.get(k);
    out.set(k, { field: c.field, not: c.not, values: [...new Set([...(was?.values ?? []), ...c.values])] });
  }
  return [...out.values()];
}

export function readFilters(q: URLSearchParams): Filters {
  const list: Condition[] = [];
  for (const [k, v] of q) {
    if (v === '') continue;
    if (hasParameter(k)) list.push({ field: k, not: false, values: [v] });
    else if (k === 'where') {
      const c = parseCondition(v);
      if (c) list.push(c);
    }
  }
  return { search: q.get('search') ?? '', query: q.get('query') ?? '', min: q.get('min_duration') ?? '', max: q.get('max_duration') ?? '', conditions: merge(list) };
}

const direct = (c: Condition) => !c.not && c.values.length === 1 && hasParameter(c.field);

/** What the URL must become to say this filter. `present` is what it has, so that what is gone is removed. */
export function urlChanges(f: Filters, present: URLSearchParams): Changes {
  const out: Record<string, string | string[] | null> = {};
  for (const k of new Set(present.keys())) if (hasParameter(k)) out[k] = null;
  for (const c of f.conditions) if (direct(c)) out[c.field] = c.values[0] ?? null;
  out.where = f.conditions.filter((c) => !direct(c) && c.values.length > 0).map(formatCondition);
  out.search = f.search;
  out.query = f.query;
  out.min_duration = f.min;
  out.max_duration = f.max;
  return out;
}

const name = (field: string) => (/^[a-z_][\w.]*$/i.test(field) ? field : quote(field));
const one = (field: string, values: readonly string[]) => (values.length === 1 ? `${name(field)}:=${quote(values[0] ?? '')}` : `${name(field)}:in(${values.map(quote).join(',')})`);

/** A condition as a LogsQL filter. A model is the one that was asked for or the one that answered. */
export function conditionLogsQL(c: Condition): string {
  if (c.not) return `!${one(c.field, c.values)}`;
  return c.field === 'model' ? `(${one('model', c.values)} or ${one('response_model', c.values)})` : one(c.field, c.values);
}

/** Joins filters that must all hold; each holds together by itself. */
export function allOf(...filters: readonly string[]): string {
  return filters.filter((f) => f !== '').join(' ');
}

/** What a person wrote, so that it holds together beside others. */
function written(query: string, alone: boolean): string {
  const q = query.trim();
  return alone || !/\sor\s/i.test(q) ? q : `(${q})`;
}

/** The parameters of the API that select these calls, without the range of time. */
export function apiParams(f: Filters): Params {
  const out: Params = {};
  const rest: string[] = [];
  for (const c of f.conditions) {
    if (direct(c)) out[c.field] = c.values[0];
    else rest.push(conditionLogsQL(c));
  }
  return { ...out, search: f.search.trim(), query: allOf(written(f.query, rest.length === 0), ...rest), min_duration: f.min, max_duration: f.max };
}

function seconds(text: string): number | undefined {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : parseDuration(text);
}

/** All that is filtered by as one LogsQL filter on calls, without the range of time; '' for all calls. With `alone` false, it can stand beside others. */
export function filterLogsQL(f: Filters, alone = true): string {
  const min = seconds(f.min);
  const max = seconds(f.max);
  const words = f.search.trim().split(/\s+/).filter((w) => w !== '');
  const rest = [
    ...f.conditions.map(conditionLogsQL),
    ...(min === undefined ? [] : [`duration_seconds:>=${min}`]),
    ...(max === undefined ? [] : [`duration_seconds:<=${max}`]),
    ...words.map((w) => `(${['_msg', 'input', 'output', 'error_message'].map((field) => `${field}:i(${quote(w)})`).join(' or ')})`),
  ];
  return allOf(...rest, written(f.query, alone && rest.length === 0));
}

/** The same as a whole query, for the clipboard. */
export function fullLogsQL(f: Filters, range: { start: string; end: string }): string {
  return allOf('{kind="call"}', `_time:[${range.start}, ${range.end})`, filterLogsQL(f, false));
}

export function isEmpty(f: Filters): boolean {
  return f.conditions.length === 0 && f.search.trim() === '' && f.query.trim() === '' && f.min === '' && f.max === '';
}

export type Choice = 'include' | 'exclude' | 'only' | 'clear';

/** The filter after a click at a value of a facet. The same choice again takes it back. */
export function choose(f: Filters, field: string, value: string, choice: Choice): Filters {
  const find = (not: boolean) => f.conditions.find((c) => c.field === field && c.not === not)?.values ?? [];
  let yes = find(false);
  let no = find(true);
  switch (choice) {
    case 'include':
      yes = yes.includes(value) ? yes.filter((v) => v !== value) : [...yes, value];
      no = no.filter((v) => v !== value);
      break;
    case 'exclude':
      no = no.includes(value) ? no.filter((v) => v !== value) : [...no, value];
      yes = yes.filter((v) => v !== value);
      break;
    case 'only':
      yes = [value];
      no = [];
      break;
    case 'clear':
      yes = yes.filter((v) => v !== value);
      no = no.filter((v) => v !== value);
  }
  const others = f.conditions.filter((c) => c.field !== field);
  return { ...f, conditions: [...others, ...(yes.length > 0 ? [{ field, not: false, values: yes }] : []), ...(no.length > 0 ? [{ field, not: true, values: no }] : [])] };
}

/** Whether a filter says something about a field, and what. */
export function stateOf(f: Filters, field: string, value: string): 'included' | 'excluded' | undefined {
  for (const c of f.conditions) if (c.field === field && c.values.includes(value)) return c.not ? 'excluded' : 'included';
  return undefined;
}

/** The filter without what it says about a field. */
export function without(f: Filters, field: string): Filters {
  return { ...f, conditions: f.conditions.filter((c) => c.field !== field) };
}

/** Values that are lists are stored as JSON: ["stop"] is shown as stop. */
export function shownValue(field: string, value: string): string {
  if (field !== 'finish_reasons' || !value.startsWith('[')) return value;
  try {
    const v: unknown = JSON.parse(value);
    return Array.isArray(v) ? v.join(', ') : value;
  } catch {
    return value;
  }
}
