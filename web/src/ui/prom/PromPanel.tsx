// A panel whose numbers come from PromQL, in any of the ways to draw them.

import { Stack, Text } from '@mantine/core';
import { lazy, Suspense } from 'react';
import { BarList } from '~/chart/BarList';
import { colours, meaning } from '~/chart/palette';
import { Sparkline } from '~/chart/Sparkline';
import { useScheme, type ChartBand } from '~/chart/TimeChart';
import { format, type Unit } from '~/format/number';
import { useTime } from '~/state/time';
import { Link } from '../Link';
import { Empty, Loading, States } from '../states';
import { highest, joinRows, legendOf, levelOf, linesOf, timesOf } from './data';
import type { Chosen, Threshold } from './definition';
import { messages } from './messages';
import { FramedPanel, SeriesPanel, useAsTable, type PanelFrame } from './SeriesPanel';
import { useExemplars, useHeatmap, usePromInstant, usePromRange, useScope, type PromTarget } from './useProm';

const Heatmap = lazy(() => import('~/chart/Heatmap').then((m) => ({ default: m.Heatmap })));
const JoinedTable = lazy(() => import('./tables').then((m) => ({ default: m.JoinedTable })));
const HeatTable = lazy(() => import('./tables').then((m) => ({ default: m.HeatTable })));

export interface Asked extends PromTarget {
  instant?: boolean;
  unit?: Unit;
}

export interface PromPanelProps extends Omit<PanelFrame, 'exprs'> {
  kind: 'timeseries' | 'stat' | 'table' | 'heatmap' | 'bar';
  unit: Unit;
  targets: readonly Asked[];
  chosen?: Chosen;
  /** The narrowest step. */
  minStep?: number;
  points?: number;
  stacked?: boolean;
  base?: Threshold['level'];
  thresholds?: Threshold[];
  bands?: ChartBand[];
  /** What a series or a row leads to. */
  seriesLink?: (labels: Record<string, string>) => { title: string; to: string } | undefined;
  /** The label whose column of a table has that link; default: the first that is there. */
  linkLabel?: string;
  sync?: string;
  max?: number;
  /** Where a name has a colour on the whole page. */
  colourOf?: (name: string) => string | undefined;
}

export const mostSeries = 40;

export function PromPanel(props: PromPanelProps) {
  switch (props.kind) {
    case 'stat': return <StatPanel {...props} />;
    case 'table': return <TablePanel {...props} />;
    case 'bar': return <BarPanel {...props} />;
    case 'heatmap': return <HeatmapPanel {...props} />;
    case 'timeseries': return <LinesPanel {...props} />;
  }
}

function LinesPanel(props: PromPanelProps) {
  const { targets } = props;
  const t = messages.useT();
  const scope = useScope(props.chosen, props);
  const q = usePromRange(targets, scope);
  const exemplars = useExemplars(targets, scope);
  const grid = q.data?.grid ?? scope.grid;
  const all = linesOf(q.data?.targets ?? [], grid);
  const lines = highest(all, mostSeries);
  return (
    <SeriesPanel
      {...props}
      query={q}
      exprs={targets.map((x) => ({ ref: x.ref, expr: scope.expand(x.expr) }))}
      times={timesOf(grid)}
      series={props.colourOf === undefined ? lines : lines.map((l) => ({ ...l, colour: props.colourOf?.(l.name) }))}
      exemplars={exemplars}
      seriesLink={(s) => props.seriesLink?.(s.metric ?? {})}
      note={all.length > lines.length ? t('shown', { shown: lines.length, all: all.length }) : undefined}
    />
  );
}

function StatPanel(props: PromPanelProps) {
  const { targets, unit, height = 90 } = props;
  const scheme = useScheme();
  const scope = useScope(props.chosen, { ...props, points: 60 });
  const now = targets.every((x) => x.instant);
  const instant = usePromInstant(targets, scope, now);
  const over = usePromRange(targets, scope, !now);
  const values = over.data === undefined ? [] : (linesOf(over.data.targets, over.data.grid)[0]?.values ?? []);
  const text = now ? instant.data?.[0]?.[0]?.value?.[1] : undefined;
  const value = now ? (text === undefined ? undefined : Number(text)) : values.findLast((v) => v !== null);
  const level = levelOf(value, props.thresholds, props.base);
  const colour = level === undefined || level === 'ok' ? undefined : meaning[scheme][level];
  return (
    <FramedPanel frame={{ ...props, exprs: targets.map((x) => ({ ref: x.ref, expr: scope.expand(x.expr) })) }} busy={now ? instant.isPlaceholderData : over.isPlaceholderData}>
      <States<unknown> query={now ? instant : over} height={height}>
        {() => (
          <Stack gap={2} h={height} justify="center">
            <Text fz={28} fw={650} lh={1.2} c={colour} className="num" data-level={level}>{format(value, unit)}</Text>
            {!now && <Sparkline values={values} colour={colour ?? meaning[scheme].output} height={34} />}
          </Stack>
        )}
      </States>
    </FramedPanel>
  );
}

function TablePanel(props: PromPanelProps) {
  const { targets, height = 240 } = props;
  const scope = useScope(props.chosen, props);
  const q = usePromInstant(targets, scope);
  return (
    <FramedPanel frame={{ ...props, exprs: targets.map((x) => ({ ref: x.ref, expr: scope.expand(x.expr) })) }} busy={q.isPlaceholderData}>
      <States query={q} height={height}>{(data) => <Suspense fallback={<Loading height={height} />}><JoinedTable {...props} joined={joinRows(data)} height={height} /></Suspense>}</States>
    </FramedPanel>
  );
}

function BarPanel(props: PromPanelProps) {
  const { targets, unit, height = 240 } = props;
  const t = messages.useT();
  const scheme = useScheme();
  const scope = useScope(props.chosen, props);
  const q = usePromInstant(targets, scope);
  const bars = (q.data ?? []).flatMap((samples, i) => samples.map((s) => ({ name: legendOf(targets[i]?.legend ?? '', s.metric), metric: s.metric, value: s.value === undefined ? undefined : Number(s.value[1]) })));
  const palette = colours(bars.map((b) => b.name), scheme);
  return (
    <FramedPanel frame={{ ...props, exprs: targets.map((x) => ({ ref: x.ref, expr: scope.expand(x.expr) })) }} busy={q.isPlaceholderData}>
      <States query={q} height={height} empty={() => bars.length === 0} emptyState={<Empty height={height} title={t('noSeries')} hint={t('noSeriesHint')} />}>
        {() => (
          <div style={{ maxHeight: height, overflowY: 'auto' }}>
            <BarList label={props.title} unit={unit} most={30} bars={bars.map((b) => {
              const level = levelOf(b.value, props.thresholds, props.base);
              const link = props.seriesLink?.(b.metric);
              return { key: b.name, name: link === undefined ? b.name : <Link to={link.to} size="xs" title={link.title}>{b.name}</Link>, value: b.value, colour: level === undefined || level === 'ok' ? (palette.get(b.name) ?? meaning[scheme].output) : meaning[scheme][level] };
            })} />
          </div>
        )}
      </States>
    </FramedPanel>
  );
}

function HeatmapPanel(props: PromPanelProps) {
  const { targets, unit, height = 220, sync = 'page' } = props;
  const t = messages.useT();
  const time = useTime();
  const scope = useScope(props.chosen, { ...props, points: 72 });
  const expr = targets[0]?.expr ?? '';
  const q = useHeatmap(expr, scope);
  const table = useAsTable(props.id);
  return (
    <FramedPanel frame={{ ...props, exprs: [{ expr: scope.expand(expr) }] }} busy={q.isPlaceholderData} table={table}>
      <States query={q} height={height} empty={(g) => g === null} emptyState={<Empty height={height} title={t('noSeries')} hint={t('noSeriesHint')} />}>
        {(grid) => grid === null ? null : table[0] ? <Suspense fallback={<Loading height={height} />}><HeatTable grid={grid} unit={unit} label={props.title} height={height + 30} /></Suspense> : (
          <Suspense fallback={<Loading height={height} />}><Heatmap grid={grid} unit={unit} height={height} label={props.title} from={time.range.from / 1000} to={time.range.to / 1000} onZoom={time.zoom} sync={sync} /></Suspense>
        )}
      </States>
    </FramedPanel>
  );
}
