// The list of calls, page by page, as the server orders it.

import { useInfiniteQuery } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { get, type Params } from '~/api/client';
import type { Call, CallPage } from '~/api/types';
import { useTime } from '~/state/time';

export const orders = ['newest', 'oldest', 'slowest', 'costliest', 'most_tokens'] as const;
export type Order = (typeof orders)[number];

/** The table holds at most this many calls; then it goes on with the next ones. */
export const windowSize = 5_000;
const pageSize = 200;

/**
 * A live range moves with each refresh, and the list would jump under the reader.
 * So the list stays at the range it began with while it is being read.
 */
function useSteadyRange(reading: boolean): { api: { start: string; end: string }; stale: boolean; refresh: () => void; key: string } {
  const { api, range } = useTime();
  const key = `${range.start} ${range.end}`;
  const [held, setHeld] = useState({ key, api });
  const [asked, setAsked] = useState(0);
  const seen = useRef(asked);
  const release = held.key !== key || !reading || seen.current !== asked;
  useEffect(() => {
    if (!release) return;
    seen.current = asked;
    setHeld((was) => (was.key === key && was.api.start === api.start && was.api.end === api.end ? was : { key, api }));
  }, [release, asked, key, api]);
  const used = held.key === key ? held.api : api; // a range that was chosen holds at once
  return { api: used, stale: used.end !== api.end, refresh: useCallback(() => setAsked((n) => n + 1), []), key };
}

export interface CallList {
  rows: Call[];
  /** What they are of: the filter, the order, the range, and which part of them. */
  of: string;
  error: unknown;
  pending: boolean;
  /** More are on their way. */
  loading: boolean;
  more: () => void;
  hasMore: boolean;
  /** The table is full, and there are more. */
  full: boolean;
  nextWindow: () => void;
  firstWindow: (() => void) | undefined;
  /** The list is older than the range of the page. */
  stale: boolean;
  refresh: () => void;
  /** The end of the range that the list is of. */
  end: string;
  retry: () => void;
}

export function useCalls(filter: Params, order: Order, reading: boolean, enabled: boolean): CallList {
  const steady = useSteadyRange(reading);
  const params = { ...filter, order, ...steady.api };
  const identity = JSON.stringify([filter, order, steady.key]);
  const [windows, setWindows] = useState<{ identity: string; cursors: string[] }>({ identity, cursors: [] });
  const cursors = windows.identity === identity ? windows.cursors : [];
  const first = cursors.at(-1) ?? '';
  const q = useInfiniteQuery({
    // After the first window the cursor says the range.
    queryKey: ['calls', filter, order, first === '' ? steady.api : steady.key, first],
    queryFn: ({ pageParam, signal }) => get<CallPage>('/calls', { ...params, limit: pageSize, cursor: pageParam }, signal),
    initialPageParam: first,
    getNextPageParam: (last) => last.next_cursor,
    placeholderData: (was) => was,
    enabled,
    gcTime: 15_000,
    staleTime: Infinity,
  });
  const rows = useMemo(() => q.data?.pages.flatMap((p) => p.calls) ?? [], [q.data]);
  const full = rows.length >= windowSize && q.hasNextPage;
  const next = q.data?.pages.at(-1)?.next_cursor;
  return {
    rows, of: identity + first, error: q.error, pending: q.isPending && enabled, loading: q.isFetchingNextPage, hasMore: q.hasNextPage && !full, full,
    more: () => { if (q.hasNextPage && !q.isFetchingNextPage && !full && !q.isPlaceholderData) void q.fetchNextPage(); },
    nextWindow: () => { if (next !== undefined) setWindows({ identity, cursors: [...cursors, next] }); },
    firstWindow: cursors.length === 0 ? undefined : () => setWindows({ identity, cursors: [] }),
    stale: steady.stale, refresh: () => { setWindows({ identity, cursors: [] }); steady.refresh(); }, end: steady.api.end,
    retry: () => void q.refetch(),
  };
}
