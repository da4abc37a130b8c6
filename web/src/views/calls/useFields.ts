// The names and values of fields, for completion and for the facets of tags.

import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { logsqlJSON } from '~/api/logsql';

interface Answer { values: { value: string; hits: number }[] }

/** The hour before the end: names and values of months take long and are seldom others. */
function lastHour(end: number) {
  const to = Math.ceil(end / 300_000) * 300;
  return { start: to - 3600, end: to };
}

/** Fields that calls have, the most frequent first. */
export function useFieldNames(end: number, enabled: boolean): UseQueryResult<string[]> {
  const range = lastHour(end);
  return useQuery({
    queryKey: ['calls', 'field_names', range], enabled, staleTime: 300_000, placeholderData: (was) => was,
    queryFn: async ({ signal }) => (await logsqlJSON<Answer>('/field_names', { query: 'kind:call', ...range }, signal)).values.map((v) => v.value).filter((v) => !['_stream', '_stream_id', '_time', '_msg', 'timeline'].includes(v)),
  });
}

export function useFieldValues(field: string | undefined, end: number, enabled: boolean): UseQueryResult<string[]> {
  const range = lastHour(end);
  return useQuery({
    queryKey: ['calls', 'field_values', field, range], enabled: enabled && field !== undefined, staleTime: 60_000,
    queryFn: async ({ signal }) => (await logsqlJSON<Answer>('/field_values', { query: 'kind:call', field, limit: 200, ...range }, signal)).values.map((v) => v.value).filter((v) => v !== '' && v.length < 200),
  });
}
