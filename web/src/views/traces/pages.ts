// Pages of a list by cursor. A live range moves on with the clock, but not under
// somebody who has scrolled down: then it stands still until they ask for the newest.

import { useInfiniteQuery, type InfiniteData } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import { get, type Params } from '~/api/client';
import { useTime } from '~/state/time';

export interface Paged<T> {
  rows: T[];
  /** What they are of: the filter, the order, the range. */
  of: string;
  query: { data: InfiniteData<Page<T>> | undefined; error: unknown; isPending: boolean; refetch: () => unknown };
  busy: boolean;
  loadingMore: boolean;
  moreError: unknown;
  hasMore: boolean;
  more: () => void;
  /** The list does not follow the clock just now. */
  held: boolean;
  release: () => void;
}

interface Page<T> {
  rows: T[];
  next?: string;
}

export function usePages<T>(path: string, params: Params, rowsOf: (answer: unknown) => T[]): Paged<T> {
  const { api: range, range: chosen } = useTime();
  // A range that is chosen holds at once; the one that stands still is a live one.
  const of = JSON.stringify([params, chosen.start, chosen.end]);
  const [fixed, setFixed] = useState<{ of: string; start: string; end: string }>();
  const applied = fixed?.of === of ? fixed : undefined;
  const at = applied ?? range;
  const query = useInfiniteQuery({
    queryKey: [path, params, at.start, at.end],
    initialPageParam: '',
    queryFn: async ({ pageParam, signal }): Promise<Page<T>> => {
      const answer = await get<{ next_cursor?: string }>(path, { ...params, start: at.start, end: at.end, cursor: pageParam }, signal);
      return { rows: rowsOf(answer), next: answer.next_cursor };
    },
    getNextPageParam: (page) => page.next,
    placeholderData: (was) => was,
  });
  const { data, hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  const pages = data?.pages;
  const rows = useMemo(() => pages?.flatMap((p) => p.rows) ?? [], [pages]);
  const more = () => {
    if (!hasNextPage || isFetchingNextPage || query.isPlaceholderData) return;
    if (applied === undefined) setFixed({ of, start: range.start, end: range.end });
    void fetchNextPage();
  };
  // A page may be empty while there is a next one.
  const empty = pages !== undefined && pages.at(-1)?.rows.length === 0 && hasNextPage && !isFetchingNextPage && query.error === null;
  useEffect(() => {
    if (empty) void fetchNextPage();
  }, [empty, fetchNextPage, pages?.length]);
  return {
    rows, of, query, more, busy: query.isFetching, loadingMore: isFetchingNextPage, moreError: query.isFetchNextPageError ? query.error : null, hasMore: hasNextPage,
    held: applied !== undefined && applied.end !== range.end, release: () => setFixed(undefined),
  };
}
