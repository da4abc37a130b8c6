import { useMemo } from 'react';
import { TimeChart, useScheme, type ChartSeries } from '~/chart/TimeChart';
import { meaning } from '~/chart/palette';
import { count } from '~/format/number';
import { useTime } from '~/state/time';
import { Empty, States } from '~/ui/states';
import { Panel } from '~/ui/Panel';
import { useHits } from './data';
import { grid, levelOf, type LogLevel } from './logs';
import { m } from './messages';

const rank: Record<LogLevel, number> = { fatal: 0, error: 1, warn: 2, info: 3, debug: 4 };

/** How many rows matched when, by level or by kind. */
export function HitsChart({ filter, by }: { filter: string; by: 'level' | 'kind' }) {
  const t = m.useT();
  const scheme = useScheme();
  const { range, zoom } = useTime();
  const { query, step } = useHits(filter, by);
  const chart = useMemo(() => {
    if (query.data === undefined) return undefined;
    const g = grid(query.data, by, range.from / 1000, range.to / 1000, step);
    const colour: Record<string, string> = { fatal: meaning[scheme].reasoning, error: meaning[scheme].critical, warn: meaning[scheme].warning, info: meaning[scheme].input, debug: meaning[scheme].muted };
    const ofKind: Record<string, string> = { log: meaning[scheme].input, call: meaning[scheme].output, span: meaning[scheme].reasoning, feedback: meaning[scheme].cache };
    const kinds: Record<string, string> = { log: t('kindLog'), call: t('kindCall'), span: t('kindSpan'), feedback: t('kindFeedback') };
    const series = g.series
      .map((s): ChartSeries & { order: number } => {
        const level = by === 'level' ? levelOf({ level: s.name }) : undefined;
        return {
          name: s.name === '' ? 'none' : s.name,
          label: `${s.name === '' ? t('noLevel') : by === 'kind' ? (kinds[s.name] ?? s.name) : s.name} (${count(s.total)})`,
          values: s.values, kind: 'bars', colour: by === 'level' ? (level === undefined ? meaning[scheme].muted : colour[level]) : ofKind[s.name],
          order: level === undefined ? 9 : rank[level],
        };
      })
      .sort((a, b) => a.order - b.order);
    // A bar stands for the time after its start: drawn around the middle of it.
    return { times: g.times.map((x) => x + step / 2), series, total: g.series.reduce((n, s) => n + s.total, 0) };
  }, [query.data, by, range.from, range.to, step, scheme, t]);
  return (
    <Panel title={t('hits')} badge={chart === undefined ? undefined : t('total', { count: count(chart.total) })} busy={query.isFetching}>
      <States query={query} height={110}>
        {() => (chart === undefined || chart.series.length === 0 ? <Empty height={80} /> : (
          <TimeChart times={chart.times} series={chart.series} height={110} stacked unit="count" label={t('hitsLabel', { by: t(by) })} from={range.from / 1000} to={range.to / 1000} onZoom={zoom} />
        ))}
      </States>
    </Panel>
  );
}
