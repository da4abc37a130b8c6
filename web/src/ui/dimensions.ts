// The dimensions of calls: what pages group by and filter by, and how a group
// is asked for again as a filter.

import type { ParamValue } from '~/api/client';
import { quote } from '~/api/logsql';
import { dimensionTexts } from './dimensionMessages';

/** Those that the API has a parameter of the same name for. */
const parameters = new Set(['service', 'environment', 'provider', 'model', 'operation', 'status', 'user', 'session', 'feature', 'agent', 'dialect', 'prompt_name', 'error_type', 'source', 'trace_id']);

/** Every parameter of the API that narrows calls; tags.NAME besides. */
export const filterNames = ['query', 'search', ...parameters, 'min_duration', 'max_duration'] as const;

/** The filters among the parameters of a page. */
export function filtersOf(q: URLSearchParams): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [k, v] of q) if (v !== '' && ((filterNames as readonly string[]).includes(k) || k.startsWith('tags.'))) out[k] = v;
  return out;
}

/** Joins LogsQL filters; an OR inside of one stays inside of it. */
export function joinQueries(...queries: (string | undefined)[]): string | undefined {
  const parts = queries.filter((q): q is string => q !== undefined && q.trim() !== '');
  if (parts.length === 0) return undefined;
  return parts.length === 1 ? parts[0] : parts.map((p) => `(${p})`).join(' ');
}

/** Narrows filters to a group. What the API has no parameter for, and groups without a value, go into the query. */
export function within(filters: Record<string, string>, values: Record<string, string>): Record<string, string> {
  const out = { ...filters };
  const queries: string[] = [];
  for (const [field, value] of Object.entries(values)) {
    if (value !== '' && (parameters.has(field) || field.startsWith('tags.'))) {
      out[field] = value;
      continue;
    }
    const name = /^[\w.]+$/.test(field) ? field : quote(field);
    queries.push(value === '' ? `${name}:""` : `${name}:=${quote(value)}`);
  }
  const query = joinQueries(out['query'], ...queries);
  if (query !== undefined) out['query'] = query;
  return out;
}

/** A link to a page with filters. */
export function pathWith(path: string, filters: Record<string, ParamValue>): string {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(filters)) if (v !== undefined && v !== null && v !== '') q.set(k, String(v));
  const s = q.toString();
  return s === '' ? path : `${path}?${s}`;
}


/** The name of a group as one text: gpt-4o, or support-reply · 7. */
export function groupName(values: Record<string, string>, by: readonly string[]): string {
  return by.map((d) => values[d] || dimensionTexts.t('none')).join(' · ');
}

type Key = Parameters<typeof dimensionTexts.t>[0];

/** The name of a dimension, or of several, for people. */
export function dimensionName(by: string): string {
  return by
    .split(',')
    .map((d) => {
      if (d.startsWith('tags.')) return d === 'tags.team' ? dimensionTexts.t('team') : `${dimensionTexts.t('tag')} ${d.slice(5)}`;
      return dimensionTexts.t(d.replace('.', '_') as Key);
    })
    .join(' + ');
}
