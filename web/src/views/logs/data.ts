// What the page asks of the LogsQL API.

import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { logsql, logsqlJSON, quote, type Row } from '~/api/logsql';
import { niceStep, type Series } from '~/api/prom';
import { fieldName } from '~/editor/logsqlComplete';
import { useTime } from '~/state/time';
import { condition, plusNano, type Hits } from './logs';

export const pageSize = 200;
export const resultCap = 5000;

/** What every row of the list has; more is asked for when a row is opened. */
const basic = ['_time', '_stream_id', '_msg', 'kind', 'level', 'severity', 'service', 'status', 'id', 'trace_id', 'span_id'];

export function listFields(columns: readonly string[]): string {
  return [...new Set([...basic, ...columns])].map(fieldName).join(', ');
}

/** The rows by pages. `pipes` are of the query; only those that keep rows in order of time can be paged. */
export function useRows(filter: string, pipes: readonly string[], columns: readonly string[], oldest: boolean, paged: boolean, enabled: boolean) {
  const { range, api } = useTime();
  const query = [filter, ...pipes, ...(pipes.length === 0 ? [`fields ${listFields(columns)}`] : []), ...(paged && oldest ? [`sort by (_time) limit ${pageSize}`] : [])].join(' | ');
  return useInfiniteQuery({
    queryKey: ['logs', 'rows', query, api.start, api.end],
    enabled,
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) => logsql(query, {
      start: oldest && pageParam !== '' ? pageParam : api.start,
      end: !oldest && pageParam !== '' ? plusNano(pageParam) : api.end,
      limit: paged ? pageSize : resultCap,
      signal,
    }).then((rows) => (paged ? sorted(rows, oldest) : rows)),
    getNextPageParam: (last, pages) => {
      const time = last.at(-1)?._time;
      if (!paged || last.length < pageSize || time === undefined) return undefined;
      // A page that begins where the one before began cannot be passed this way.
      return pages.length > 1 && pages.at(-2)?.at(-1)?._time === time ? undefined : time;
    },
    placeholderData: (was, q) => (q?.queryKey[2] === query && range.live ? was : undefined),
  });
}

function sorted(rows: Row[], oldest: boolean): Row[] {
  return rows.sort((a, b) => (oldest ? 1 : -1) * (a._time ?? '').localeCompare(b._time ?? ''));
}

export function useHits(filter: string, field: string) {
  const { range, api } = useTime();
  const step = niceStep(range.seconds, 80);
  const query = useQuery({
    queryKey: ['logs', 'hits', filter, field, api.start, api.end, step],
    queryFn: ({ signal }) => logsqlJSON<Hits>('/hits', { query: filter, start: api.start, end: api.end, step: `${step}s`, field, fields_limit: 12 }, signal),
    placeholderData: (was, q) => (q?.queryKey[2] === filter ? was : undefined),
  });
  return { query, step };
}

interface Facets {
  facets: { field_name: string; values: { field_value: string; hits: number }[] }[];
}

interface Values {
  values: { value: string; hits: number }[];
}

export function useFacets(filter: string) {
  const { api } = useTime();
  return useQuery({
    queryKey: ['logs', 'facets', filter, api.start, api.end],
    queryFn: async ({ signal }) => (await logsqlJSON<Facets>('/facets', { query: filter, start: api.start, end: api.end, limit: 8, max_values_per_field: 2000, keep_const_fields: 1 }, signal)).facets,
    placeholderData: (was, q) => (q?.queryKey[2] === filter ? was : undefined),
  });
}

export function useFieldNames(filter: string) {
  const { api } = useTime();
  return useQuery({
    queryKey: ['logs', 'names', filter, api.start, api.end],
    queryFn: async ({ signal }) => (await logsqlJSON<Values>('/field_names', { query: filter, start: api.start, end: api.end }, signal)).values,
    placeholderData: (was) => was,
    staleTime: 60_000,
  });
}

export function useFieldValues(filter: string, field: string, enabled: boolean) {
  const { api } = useTime();
  return useQuery({
    queryKey: ['logs', 'values', filter, field, api.start, api.end],
    enabled,
    queryFn: ({ signal }) => fieldValues(filter, field, api, 10, signal),
    placeholderData: (was) => was,
  });
}

export async function fieldValues(filter: string, field: string, api: { start: string; end: string }, limit: number, signal?: AbortSignal): Promise<{ value: string; hits: number }[]> {
  const a = await logsqlJSON<Values>('/field_values', { query: filter, field, start: api.start, end: api.end, limit }, signal);
  return a.values;
}

/** A prefix of a value as a filter, for the completion. */
export function startsWith(field: string, prefix: string): string {
  return prefix === '' ? '' : `${fieldName(field)}:~${quote('(?i)^' + prefix.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))}`;
}

/** The filter that finds a row again. */
function identity(row: Row): string {
  if (row.id !== undefined && row.id !== '') return condition('id', row.id);
  return [row._stream_id === undefined ? '' : `_stream_id:${row._stream_id}`, row._msg === undefined ? '' : condition('_msg', row._msg)].filter((x) => x !== '').join(' ') || '*';
}

/** All fields of a row. */
export function useWhole(row: Row) {
  const time = row._time;
  return useQuery({
    queryKey: ['logs', 'row', identity(row), time],
    staleTime: Infinity,
    queryFn: async ({ signal }) => {
      if (time === undefined) return row;
      const [found] = await logsql(identity(row), { start: time, end: plusNano(time), limit: 1, signal });
      return found ?? row;
    },
  });
}

/** Rows just before and after a row, oldest first. */
export async function around(row: Row, filter: string, count: number, signal: AbortSignal): Promise<{ before: Row[]; after: Row[] }> {
  const time = row._time ?? '';
  const hour = 3600_000;
  const fields = `fields ${listFields([])}`;
  const [before, after] = await Promise.all([
    logsql(`${filter} | ${fields}`, { start: new Date(Date.parse(time) - hour).toISOString(), end: time, limit: count, signal }),
    logsql(`${filter} | ${fields} | sort by (_time) limit ${count}`, { start: plusNano(time), end: new Date(Date.parse(time) + hour).toISOString(), signal }),
  ]);
  return { before: sorted(before, true), after: sorted(after, true) };
}

/** The result of stats over time, where the query can be asked that way. */
export function useStatsRange(text: string, enabled: boolean) {
  const { range, api } = useTime();
  const step = niceStep(range.seconds, 60);
  return useQuery({
    queryKey: ['logs', 'stats', text, api.start, api.end, step],
    enabled,
    retry: false,
    queryFn: async ({ signal }) => {
      const a = await logsqlJSON<{ data: { result: Series[] } }>('/stats_query_range', { query: text, start: api.start, end: api.end, step: `${step}s` }, signal);
      return { step, list: a.data.result };
    },
  });
}
