// Calls over time above the list; a range that is selected in it is zoomed in to.

import { Group, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { ApiError, get, type Params } from '~/api/client';
import { niceStep, promDuration } from '~/api/prom';
import type { Timeline } from '~/api/types';
import { TimeChart } from '~/chart/TimeChart';
import { count } from '~/format/number';
import { common } from '~/i18n/common';
import { useTime } from '~/state/time';
import { Failure, Loading } from '~/ui/states';
import { calls } from './messages';

const sum = (list: readonly number[] | undefined) => (list ?? []).reduce((a, b) => a + b, 0);

/** Steps from a second on: zooming in ends at single calls. */
function step(seconds: number): number {
  const raw = seconds / 90;
  for (const s of [1, 2, 5]) if (s >= raw) return s;
  return niceStep(seconds, 90);
}

export function useHistogram(filter: Params, enabled: boolean) {
  const { api, range } = useTime();
  const width = promDuration(step(range.seconds));
  return useQuery({
    queryKey: ['calls', 'timeline', filter, api, width], enabled,
    queryFn: ({ signal }) => get<Timeline>('/timeline', { ...filter, ...api, step: width }, signal),
    placeholderData: (was) => was,
  });
}

export function totalsOf(t: Timeline | undefined): { calls: number; errors: number } | undefined {
  return t === undefined ? undefined : { calls: (t.series ?? []).reduce((n, s) => n + sum(s.calls), 0), errors: (t.series ?? []).reduce((n, s) => n + sum(s.errors), 0) };
}

export function Histogram({ query, height = 84 }: { query: ReturnType<typeof useHistogram>; height?: number }) {
  const t = calls.useT();
  const c = common.useT();
  const { range, zoom } = useTime();
  const data = useMemo(() => {
    const d = query.data;
    if (d === undefined) return undefined;
    const series = d.series ?? [];
    const at = d.times.map((x) => Date.parse(x) / 1000 + d.step_seconds / 2);
    const errors = d.times.map((_, i) => series.reduce((n, s) => n + (s.errors[i] ?? 0), 0));
    const all = d.times.map((_, i) => series.reduce((n, s) => n + (s.calls[i] ?? 0), 0));
    return { at, errors, ok: all.map((n, i) => n - (errors[i] ?? 0)) };
  }, [query.data]);
  const totals = totalsOf(query.data);
  // A wrong filter is told at its field.
  if (query.error instanceof ApiError && query.error.code === 'bad_query') return <div style={{ height: height + 18 }} />;
  if (data === undefined) return query.error ? <Failure error={query.error} compact /> : <Loading height={height + 18} />;
  return (
    <div>
      <Group gap="xs" justify="space-between" h={18}>
        <Text size="xs"><b>{c('callCount', { count: totals?.calls ?? 0 })}</b>{(totals?.errors ?? 0) > 0 && <Text span c="red" size="xs"> · {t('failedCalls', { count: totals?.errors ?? 0 })}</Text>}</Text>
        <Text size="xs" c="dimmed" visibleFrom="sm">{t('zoomHint')}</Text>
      </Group>
      <TimeChart
        times={data.at} height={height} stacked legend={false} label={`${t('histogramLabel')}: ${count(totals?.calls)} / ${count(totals?.errors)}`} from={range.from / 1000} to={range.to / 1000} onZoom={zoom} sync="calls"
        series={[{ name: 'errors', label: c('errors'), values: data.errors, kind: 'bars' }, { name: 'input', label: c('ok'), values: data.ok, kind: 'bars' }]}
      />
    </div>
  );
}
