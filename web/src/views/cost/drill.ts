// Drilling down: each step is a dimension and the value that was chosen of it.
// In the URL a step is drill=model=gpt-4o, in the order of the steps.

import { within } from '~/ui/dimensions';

export interface Step {
  /** One dimension, or several with commas. */
  by: string;
  values: Record<string, string>;
}

export function parseStep(text: string): Step | undefined {
  const i = text.indexOf('=');
  if (i <= 0) return undefined;
  const by = text.slice(0, i);
  const dims = by.split(',');
  const rest = text.slice(i + 1);
  if (dims.length === 1) return { by, values: { [by]: rest } };
  try {
    const list: unknown = JSON.parse(rest);
    if (!Array.isArray(list) || list.length !== dims.length) return undefined;
    return { by, values: Object.fromEntries(dims.map((d, n) => [d, String(list[n])])) };
  } catch {
    return undefined;
  }
}

export function writeStep(s: Step): string {
  const dims = s.by.split(',');
  return `${s.by}=${dims.length === 1 ? (s.values[s.by] ?? '') : JSON.stringify(dims.map((d) => s.values[d] ?? ''))}`;
}

/** The filters of a page and of all its steps. */
export function drilled(filters: Record<string, string>, steps: readonly Step[]): Record<string, string> {
  return steps.reduce((f, s) => within(f, s.values), filters);
}

const paths: Record<string, readonly string[]> = {
  model: ['service', 'feature', 'prompt_name,prompt_version', 'user'],
  provider: ['model', 'service', 'feature', 'user'],
  service: ['model', 'feature', 'user', 'session'],
  'tags.team': ['service', 'feature', 'model', 'user'],
  environment: ['service', 'model', 'feature', 'user'],
  user: ['session', 'feature', 'model', 'service'],
  feature: ['model', 'prompt_name,prompt_version', 'user', 'service'],
};

/** What to split by next, once a group was chosen: what is not yet decided. */
export function nextBy(steps: readonly Step[], filters: Record<string, string>): string {
  const decided = new Set([...steps.flatMap((s) => s.by.split(',')), ...Object.keys(filters)]);
  const last = steps.at(-1)?.by ?? '';
  const order = [...(paths[last] ?? []), 'service', 'model', 'feature', 'user', 'session'];
  return order.find((d) => !d.split(',').some((x) => decided.has(x))) ?? 'session';
}
