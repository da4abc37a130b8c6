// What a page of a trace asks the server for: the trace, the logs of it, and when
// the chunks of its streams came.

import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo } from 'react';
import { get } from '~/api/client';
import { logsql, quote } from '~/api/logsql';
import type { Trace } from '~/api/types';
import { useSettings } from '~/state/settings';
import { decodeTimeline, type Ticks } from '~/timeline/decode';
import type { LogLine } from './tree';

const recent = 10 * 60_000;
const maxLogs = 2000;
const maxTimelines = 1000;

/** A trace; one that has just run is asked for again, as its spans may still come. */
export function useTrace(id: string) {
  const { tick } = useSettings();
  const q = useQuery({ queryKey: ['trace', id], queryFn: ({ signal }) => get<Trace>(`/traces/${encodeURIComponent(id)}`, {}, signal), enabled: id !== '', staleTime: 60_000 });
  const { data, refetch } = q;
  useEffect(() => {
    if (data !== undefined && tick - endOf(data) < recent && Date.now() - q.dataUpdatedAt > 3000) void refetch();
    // Only the clock asks again.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [tick]);
  return q;
}

export function endOf(t: Trace): number {
  return Date.parse(t.start) + t.duration_seconds * 1000;
}

/** The range in which records of a trace lie, with room for clocks that differ. */
function around(t: Trace): { start: string; end: string } {
  return { start: new Date(Date.parse(t.start) - 60_000).toISOString(), end: new Date(endOf(t) + 60_000).toISOString() };
}

export interface TraceLogs {
  lines: LogLine[];
  /** There are more than were read. */
  cut: boolean;
}

export function useTraceLogs(trace: Trace | undefined) {
  return useQuery({
    queryKey: ['trace-logs', trace?.trace_id, trace?.start, trace?.duration_seconds],
    enabled: trace !== undefined,
    staleTime: 60_000,
    queryFn: async ({ signal }): Promise<TraceLogs> => {
      if (trace === undefined) return { lines: [], cut: false };
      const rows = await logsql(`kind:log trace_id:=${quote(trace.trace_id)} | sort by (_time) limit ${maxLogs}`, { ...around(trace), signal });
      const start = Date.parse(trace.start);
      const lines = rows.map((r): LogLine => {
        const time = Date.parse(r['_time'] ?? '');
        return { time, at: (time - start) / 1000, level: r['level'] ?? '', message: r['_msg'] ?? '', span_id: r['span_id'] ?? '', fields: r };
      });
      return { lines, cut: rows.length >= maxLogs };
    },
  });
}

/** The chunks of the streams of a trace, by the id of the call: one question for all of them. */
export function useTraceTicks(trace: Trace | undefined): ReadonlyMap<string, Ticks> {
  const streams = useMemo(() => trace?.spans.some((s) => s.call?.chunks !== undefined) ?? false, [trace]);
  const q = useQuery({
    queryKey: ['trace-ticks', trace?.trace_id, trace?.spans.length],
    enabled: trace !== undefined && streams,
    staleTime: Infinity,
    queryFn: async ({ signal }): Promise<Map<string, Ticks>> => {
      const out = new Map<string, Ticks>();
      if (trace === undefined) return out;
      const rows = await logsql(`kind:call trace_id:=${quote(trace.trace_id)} timeline:* | fields id, timeline | limit ${maxTimelines}`, { ...around(trace), signal });
      for (const r of rows) {
        try {
          const ticks = decodeTimeline(r['timeline'] ?? '');
          if (ticks.at.length > 0 && r['id'] !== undefined) out.set(r['id'], ticks);
        } catch {
          // A timeline that cannot be read draws no ticks; the page of the call says why.
        }
      }
      return out;
    },
  });
  return useMemo(() => q.data ?? new Map(), [q.data]);
}
