// The choice of calls that every panel shows: in the URL under the names of the
// API's parameters, several values each.

import type { Params } from '~/api/client';
import { queryString } from '~/api/client';
import { quote } from '~/api/prom';

export const dimensions = ['service', 'model', 'provider', 'environment'] as const;
export type Dimension = (typeof dimensions)[number];
export type Choice = Record<Dimension, string[]>;

export function choiceOf(params: URLSearchParams): Choice {
  const all = (d: Dimension) => [...new Set(params.getAll(d).filter((v) => v !== ''))];
  return { service: all('service'), model: all('model'), provider: all('provider'), environment: all('environment') };
}

const list = (values: readonly string[]) => `in(${values.map(quote).join(',')})`;

/** Parameters of Pitot's API. It takes one value a parameter: more are a LogsQL filter. */
export function apiFilter(c: Choice): Params {
  const out: Params = {};
  const parts: string[] = [];
  for (const d of dimensions) {
    const values = c[d];
    if (values.length === 1) out[d] = values[0];
    else if (values.length > 1) parts.push(d === 'model' ? `(request_model:${list(values)} or response_model:${list(values)})` : `${d}:${list(values)}`);
  }
  if (parts.length > 0) out.query = parts.join(' ');
  return out;
}

/** The matchers of PromQL, with braces; without any, nothing. */
export function selector(c: Choice, ...more: string[]): string {
  const parts = [...more];
  for (const d of ['service', 'provider', 'model'] as const) {
    const values = c[d];
    if (values.length === 1) parts.push(`${d}=${quote(values[0] ?? '')}`);
    else if (values.length > 1) parts.push(`${d}=~${quote(values.map((v) => v.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|'))}`);
  }
  return parts.length === 0 ? '' : `{${parts.join(', ')}}`;
}

/** Metrics do not know the environment: what filters by it asks the events. */
export function needsEvents(c: Choice): boolean {
  return c.environment.length > 0;
}

/** A link to these calls, narrowed further. */
export function callsLink(c: Choice, more: Params = {}): string {
  // The explorer takes several values of a parameter.
  return '/calls' + queryString({ ...c, ...more });
}

/** The choice as conditions of explain: service=a,b model=x. */
export function selection(c: Choice): string {
  const value = (v: string) => (/^[\w.:/@-]+$/.test(v) ? v : JSON.stringify(v));
  return dimensions.filter((d) => c[d].length > 0).map((d) => `${d}=${c[d].map(value).join(',')}`).join(' ');
}
