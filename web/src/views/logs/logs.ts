// LogsQL queries of the page and the rows that they give. Pure.

import { quote, type Row } from '~/api/logsql';
import { fieldName, stages } from '~/editor/logsqlComplete';

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug';

/** The level of a row in one of five words, whatever its sender calls it. */
export function levelOf(row: Row): LogLevel | undefined {
  const l = (row.level ?? row.severity ?? '').toLowerCase();
  if (/^(fatal|crit|critical|alert|emerg|emergency|panic)/.test(l)) return 'fatal';
  if (/^err/.test(l)) return 'error';
  if (/^warn/.test(l)) return 'warn';
  if (/^(info|notice)/.test(l)) return 'info';
  if (/^(debug|trace|verbose)/.test(l)) return 'debug';
  return row.status === 'error' ? 'error' : undefined;
}

/** The filter and the pipes of a query. */
export function split(query: string): { filter: string; pipes: string[] } {
  const [filter = '', ...pipes] = stages(query);
  return { filter: filter === '*' ? '' : filter, pipes: pipes.filter((p) => p !== '') };
}

/** Whether there is an `or` outside of quotes and brackets: such a filter needs brackets before a condition is added. */
export function hasTopLevelOr(filter: string): boolean {
  const outside = filter.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`/g, (s) => '_'.repeat(s.length));
  let depth = 0;
  for (let i = 0; i < outside.length; i++) {
    const c = outside.charAt(i);
    if (c === '(') depth++;
    else if (c === ')') depth--;
    else if (depth === 0 && /^\bor\b/i.test(outside.slice(i)) && (i === 0 || /\s|\)/.test(outside.charAt(i - 1)))) return true;
  }
  return false;
}

function and(a: string, b: string): string {
  if (a === '') return b;
  if (b === '') return a;
  return `${hasTopLevelOr(a) ? `(${a})` : a} ${hasTopLevelOr(b) ? `(${b})` : b}`;
}

/** The whole query as it is asked: logs only, unless all kinds are wanted or the query says which. */
export function effective(query: string, all: boolean): { filter: string; pipes: string[]; text: string } {
  const { filter, pipes } = split(query);
  const whole = all || /(^|[\s(!-])kind:/.test(filter) ? filter || '*' : and('kind:log', filter);
  return { filter: whole, pipes, text: [whole, ...pipes].join(' | ') };
}

/** A condition that a field has exactly a value. */
export function condition(field: string, value: string, exclude = false): string {
  const is = value === '' ? '""' : '=' + quote(value);
  return `${exclude ? '-' : ''}${fieldName(field)}:${is}`;
}

/** Adds a condition to the filter of a query; the same one again takes it away, the opposite one is replaced. */
export function toggle(query: string, field: string, value: string, exclude: boolean): string {
  const { filter, pipes } = split(query);
  const own = condition(field, value, exclude);
  const opposite = condition(field, value, !exclude);
  const has = (term: string) => ` ${filter} `.includes(` ${term} `);
  const without = (term: string) => ` ${filter} `.replace(` ${term} `, ' ').trim();
  let next: string;
  // The opposite of a:=b is -a:=b: the longer text is looked for first.
  if (has(own)) next = without(own);
  else if (has(opposite)) next = and(without(opposite), own);
  else next = and(filter, own);
  return [next === '' && pipes.length > 0 ? '*' : next, ...pipes].join(' | ');
}

/** Whether a query has the condition already. */
export function includes(query: string, field: string, value: string, exclude: boolean): boolean {
  return ` ${split(query).filter} `.includes(` ${condition(field, value, exclude)} `);
}

const tables = /^(stats|count|by|uniq|top|facets|field_names|field_values|stream_field|blocks_count|block_stats|query_stats|running_stats|total_stats|histogram|value_type)\b/;
const orders = /^(sort|order|first|last|limit|head|offset|skip|sample|uniq|top|stream_context)\b/;

/** What the query gives: rows that are events, or a table of its own. */
export function shapeOf(pipes: readonly string[]): { table: boolean; paged: boolean; stats: boolean } {
  const table = pipes.some((p) => tables.test(p));
  return { table, paged: !table && !pipes.some((p) => orders.test(p)), stats: pipes.some((p) => /^(stats|count|by)\b/.test(p)) };
}

/** The line that a key leads to from another; undefined for keys that lead nowhere. */
export function lineAfter(key: string, at: number, count: number): number | undefined {
  const page = 15;
  const to = ({ ArrowDown: at + 1, j: at + 1, ArrowUp: at - 1, k: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: count - 1 } as Record<string, number>)[key];
  return to === undefined || count === 0 ? undefined : Math.max(0, Math.min(count - 1, to));
}

/** A row by itself: what it is known by in the list. */
export function keyOf(row: Row): string {
  return row.id ?? `${row._stream_id ?? ''}/${row._time ?? ''}/${row._msg ?? JSON.stringify(row)}`;
}

/** The moment after, in nanoseconds: the end of a range is not part of it. */
export function plusNano(time: string): string {
  const match = /^(.*?)(?:\.(\d{1,9}))?Z$/.exec(time);
  if (match === null) return time;
  const nano = BigInt((match[2] ?? '').padEnd(9, '0')) + 1n;
  const base = match[1] ?? '';
  if (nano < 1_000_000_000n) return `${base}.${nano.toString().padStart(9, '0')}Z`;
  return new Date(Date.parse(base + 'Z') + 1000).toISOString().replace(/\.\d+Z$/, '.000000000Z');
}

/** Pages to rows, each once: pages overlap by the moment at which they meet. */
export function merge(pages: readonly (readonly Row[])[]): Row[] {
  const seen = new Set<string>();
  const out: Row[] = [];
  for (const p of pages) {
    for (const r of p) {
      const k = keyOf(r);
      if (seen.has(k)) continue;
      seen.add(k);
      out.push(r);
    }
  }
  return out;
}

export interface Hits {
  hits: { fields: Record<string, string>; timestamps: string[]; values: number[]; total: number }[];
}

/** Hits on a whole grid of times: what is absent is nothing, 0. */
export function grid(h: Hits, field: string, from: number, to: number, step: number): { times: number[]; series: { name: string; values: number[]; total: number }[] } {
  const start = Math.floor(from / step) * step;
  const n = Math.max(1, Math.ceil((to - start) / step));
  const times = Array.from({ length: n }, (_, i) => start + i * step);
  const series = h.hits.map((g) => {
    const values = new Array<number>(n).fill(0);
    g.timestamps.forEach((t, i) => {
      const k = Math.round((Date.parse(t) / 1000 - start) / step);
      if (k >= 0 && k < n) values[k] = (values[k] ?? 0) + (g.values[i] ?? 0);
    });
    return { name: g.fields[field] ?? '', values, total: g.total };
  });
  return { times, series };
}

/** The column names of a table of results, times first, numbers last. */
export function columnsOf(rows: readonly Row[]): { name: string; numeric: boolean }[] {
  const names = [...new Set(rows.flatMap((r) => Object.keys(r)))];
  const numeric = (n: string) => rows.some((r) => (r[n] ?? '') !== '') && rows.every((r) => (r[n] ?? '') === '' || /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(r[n] ?? ''));
  const rank = (c: { name: string; numeric: boolean }) => (c.name === '_time' ? 0 : c.numeric ? 2 : 1);
  return names.map((name) => ({ name, numeric: numeric(name) })).sort((a, b) => rank(a) - rank(b));
}
