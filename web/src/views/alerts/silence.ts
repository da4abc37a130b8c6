// Silences of the Alertmanager: matchers, whom they mute. Pure.

import type { Labels } from '~/api/prom';

export interface Matcher {
  name: string;
  value: string;
  isRegex: boolean;
  isEqual: boolean;
}

export interface Silence {
  id: string;
  matchers: Matcher[];
  startsAt: string;
  endsAt: string;
  updatedAt: string;
  createdBy: string;
  comment: string;
  status: { state: 'active' | 'pending' | 'expired' };
}

export type Operator = '=' | '!=' | '=~' | '!~';

export function operatorOf(m: Matcher): Operator {
  return m.isRegex ? (m.isEqual ? '=~' : '!~') : m.isEqual ? '=' : '!=';
}

export function withOperator(m: Matcher, op: Operator): Matcher {
  return { ...m, isRegex: op.endsWith('~'), isEqual: !op.startsWith('!') };
}

export function format(m: Matcher): string {
  return `${m.name}${operatorOf(m)}${JSON.stringify(m.value)}`;
}

/** Reads one matcher as the URL and amtool write it: name="value". */
export function parse(text: string): Matcher | undefined {
  const m = /^\s*([a-zA-Z_][\w.:]*)\s*(=~|!~|!=|=)\s*(.*?)\s*$/s.exec(text);
  if (m === null) return undefined;
  const [, name = '', op = '=', raw = ''] = m;
  let value = raw;
  if (raw.startsWith('"')) {
    try {
      value = JSON.parse(raw) as string;
    } catch {
      return undefined;
    }
  }
  return withOperator({ name, value, isRegex: false, isEqual: true }, op as Operator);
}

/** Whether the value of a matcher can be understood; the Alertmanager's expressions are anchored. */
export function problem(m: Matcher): 'name' | 'regex' | undefined {
  if (m.name.trim() === '') return 'name';
  if (!m.isRegex) return undefined;
  try {
    new RegExp(`^(?:${m.value})$`, 'u');
    return undefined;
  } catch {
    return 'regex';
  }
}

/** Whether a matcher holds; a label that is absent is empty. */
export function holds(m: Matcher, labels: Labels): boolean {
  const v = labels[m.name] ?? '';
  if (!m.isRegex) return (v === m.value) === m.isEqual;
  try {
    return new RegExp(`^(?:${m.value})$`, 'us').test(v) === m.isEqual;
  } catch {
    return false;
  }
}

export function mutes(matchers: readonly Matcher[], labels: Labels): boolean {
  return matchers.length > 0 && matchers.every((m) => holds(m, labels));
}

/** A silence that mutes everything is refused by the Alertmanager: one matcher must not match the empty text. */
export function matchesAll(matchers: readonly Matcher[]): boolean {
  return matchers.every((m) => holds(m, {}));
}

/** The matchers for an alert: its labels but for those of the rule pack. */
export function matchersOf(labels: Labels): Matcher[] {
  return Object.entries(labels).filter(([k]) => k !== 'pack' && k !== 'severity').map(([name, value]) => ({ name, value, isRegex: false, isEqual: true }));
}

export const durations = [['30m', 1800], ['1h', 3600], ['2h', 7200], ['4h', 14400], ['8h', 28800], ['1d', 86400], ['3d', 259200], ['7d', 604800]] as const;
