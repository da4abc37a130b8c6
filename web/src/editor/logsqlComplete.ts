// What can be written at a place of a LogsQL query. Pure: the editor and the
// tests ask it alike.

export interface LogsQLSource {
  fields(): Promise<{ name: string; hits: number }[]>;
  values(field: string, prefix: string): Promise<{ value: string; hits: number }[]>;
}

/** Where the cursor is, and from where on the word is to be replaced. */
export type LogsQLPlace =
  | { kind: 'word'; from: number }
  | { kind: 'value'; from: number; field: string; prefix: string; operator: string }
  | { kind: 'pipe'; from: number }
  | { kind: 'function'; from: number }
  | { kind: 'field'; from: number }
  | { kind: 'none' };

export const pipes: readonly { name: string; detail: string }[] = [
  { name: 'stats', detail: 'stats by (service) count() n' },
  { name: 'sort', detail: 'sort by (_time desc)' },
  { name: 'fields', detail: 'fields _time, _msg' },
  { name: 'limit', detail: 'limit 10' },
  { name: 'offset', detail: 'offset 10' },
  { name: 'top', detail: 'top 10 by (service)' },
  { name: 'uniq', detail: 'uniq by (service) with hits' },
  { name: 'filter', detail: 'filter n:>5' },
  { name: 'facets', detail: 'facets 10' },
  { name: 'field_names', detail: 'field_names' },
  { name: 'field_values', detail: 'field_values service' },
  { name: 'extract', detail: 'extract "id=<id>" from _msg' },
  { name: 'extract_regexp', detail: 'extract_regexp "(?P<ip>[0-9.]+)"' },
  { name: 'unpack_json', detail: 'unpack_json from _msg' },
  { name: 'unpack_logfmt', detail: 'unpack_logfmt from _msg' },
  { name: 'math', detail: 'math a / b as ratio' },
  { name: 'format', detail: 'format "<a> <b>" as c' },
  { name: 'replace', detail: 'replace ("a", "b") at _msg' },
  { name: 'replace_regexp', detail: 'replace_regexp ("a+", "b") at _msg' },
  { name: 'rename', detail: 'rename a as b' },
  { name: 'copy', detail: 'copy a as b' },
  { name: 'delete', detail: 'delete a' },
  { name: 'len', detail: 'len(_msg) as n' },
  { name: 'first', detail: 'first 5 by (_time)' },
  { name: 'last', detail: 'last 5 by (_time)' },
  { name: 'sample', detail: 'sample 100' },
  { name: 'running_stats', detail: 'running_stats sum(n) as total' },
  { name: 'stream_context', detail: 'stream_context before 5 after 5' },
  { name: 'collapse_nums', detail: 'collapse_nums' },
  { name: 'blocks_count', detail: 'blocks_count' },
];

export const functions = ['count', 'sum', 'avg', 'min', 'max', 'median', 'quantile', 'count_uniq', 'count_empty', 'uniq_values', 'values', 'rate', 'rate_sum', 'row_min', 'row_max', 'row_any', 'sum_len', 'histogram', 'stddev'] as const;

/** What may follow `field:`. */
export const operators: readonly { name: string; detail: string }[] = [
  { name: '=', detail: 'exactly' },
  { name: '!', detail: 'not' },
  { name: '~', detail: 'regular expression' },
  { name: '>', detail: 'greater' },
  { name: '<', detail: 'less' },
  { name: '>=', detail: 'at least' },
  { name: '<=', detail: 'at most' },
  { name: 'in(', detail: 'one of' },
  { name: 'range[', detail: 'from, to' },
  { name: '*', detail: 'has a value' },
  { name: '""', detail: 'has none' },
];

const wordChars = /[\p{L}\p{N}_.@/-]/u;

/** The start of the word that ends at a place. */
function wordStart(text: string, at: number): number {
  let i = at;
  while (i > 0 && wordChars.test(text.charAt(i - 1))) i--;
  return i;
}

/** Whether a place is within a quoted text, and where its quote is. */
function quoteAt(text: string): number {
  let open = -1;
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const c = text.charAt(i);
    if (open >= 0) {
      if (c === '\\' && quote !== '`') i++;
      else if (c === quote) open = -1;
    } else if (c === '"' || c === "'" || c === '`') {
      open = i;
      quote = c;
    }
  }
  return open;
}

/** Splits at the pipes that are not within quotes or brackets. */
export function stages(query: string): string[] {
  const out: string[] = [];
  let depth = 0;
  let start = 0;
  let quote = '';
  for (let i = 0; i < query.length; i++) {
    const c = query.charAt(i);
    if (quote !== '') {
      if (c === '\\' && quote !== '`') i++;
      else if (c === quote) quote = '';
    } else if (c === '"' || c === "'" || c === '`') quote = c;
    else if (c === '(' || c === '[' || c === '{') depth++;
    else if (c === ')' || c === ']' || c === '}') depth--;
    else if (c === '|' && depth <= 0) {
      out.push(query.slice(start, i));
      start = i + 1;
    }
  }
  out.push(query.slice(start));
  return out.map((s) => s.trim());
}

const valueOf = /(?:^|[\s({,!-])(?:"([^"]+)"|'([^']+)'|([\p{L}_@][\p{L}\p{N}_.@/-]*)):((?:[<>]=?|!?[=~]|!|(?:!?in|contains_any|contains_all)\((?:[^()"]*,|"[^"]*"\s*,)*\s*)?)("?)([^\s"()|,]*)$/u;

/** Finds the place at the end of what is before the cursor. */
export function placeOf(before: string): LogsQLPlace {
  const quote = quoteAt(before);
  const value = valueOf.exec(before);
  if (value !== null) {
    const [, a, b, c, operator = '', q = '', prefix = ''] = value;
    return { kind: 'value', from: before.length - prefix.length - q.length, field: a ?? b ?? c ?? '', prefix, operator };
  }
  if (quote >= 0) return { kind: 'none' };
  const from = wordStart(before, before.length);
  const head = before.slice(0, from);
  const list = stages(head);
  const stage = list.at(-1) ?? '';
  if (list.length === 1) return head.trimEnd().endsWith(':') ? { kind: 'none' } : { kind: 'word', from };
  if (stage === '') return { kind: 'pipe', from };
  if (/^(filter|where)\b/.test(stage)) return { kind: 'word', from };
  if (/\bby\s*\([^)]*$/.test(stage) || /^(fields|keep|delete|drop|rm|field_values|copy|rename|sort|uniq|unpack_json\s+from|unpack_logfmt\s+from)\b[^()]*$/.test(stage)) return { kind: 'field', from };
  if (/^(stats|running_stats)\b/.test(stage) && /(^(stats|running_stats)(\s+by\s*\([^)]*\))?|,)\s*$/.test(stage)) return { kind: 'function', from };
  if (/^(stats|running_stats)\b/.test(stage) && /\w\([^)]*$/.test(stage)) return { kind: 'field', from };
  return { kind: 'none' };
}

/** A field name as a query has it. */
export function fieldName(name: string): string {
  return /^[\p{L}_][\p{L}\p{N}_.]*$/u.test(name) ? name : JSON.stringify(name);
}
