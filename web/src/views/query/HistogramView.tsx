import { Group, Paper, Stack, Text } from '@mantine/core';
import { useMemo } from 'react';
import { Heatmap } from '~/chart/Heatmap';
import { fromClassic, fromNative } from '~/chart/heatmap';
import { format, percent, short, type Unit } from '~/format/number';
import { dateTime } from '~/format/time';
import { useSettings } from '~/state/settings';
import { useTime } from '~/state/time';
import { Empty, States } from '~/ui/states';
import { useInstant, useRange } from './data';
import { m } from './messages';
import { Notes } from './Notes';
import { barGroups, quantileOf, seriesName, type Bar, type BarGroup } from './results';
import classes from './query.module.css';

const most = 12;

/** Histograms at the end of the range, native or of classic buckets, as bars. */
export function HistogramView({ expr, step }: { expr: string; step: number | undefined }) {
  const t = m.useT();
  const { zone } = useSettings();
  const { range } = useTime();
  const q = useInstant(expr);
  const unit: Unit = /_seconds/.test(expr) ? 'seconds' : /_usd/.test(expr) ? 'usd' : /_bytes/.test(expr) ? 'bytes' : 'count';
  return (
    <States query={q} height={200}>
      {(o) => {
        const groups = o.result.resultType === 'vector' ? barGroups(o.result.result) : [];
        const shown = [...groups].sort((a, b) => b.count - a.count).slice(0, most);
        return (
          <Stack gap={8}>
            <Notes {...o} />
            {groups.length === 0 && <Empty title={t('noHistogram')} hint={t('noHistogramHint', { example: 'sum by (model) (increase(llm_request_duration_seconds[5m]))' })} />}
            {groups.length > 0 && <Text size="xs" c="dimmed">{t('series', { count: groups.length })} · {t('at', { time: dateTime(range.to, zone) })}</Text>}
            {groups.length === 1 && <OverTime expr={expr} step={step} unit={unit} />}
            {shown.map((g) => <Histogram key={seriesName(g.metric)} group={g} unit={unit} />)}
            {groups.length > most && <Text size="xs" c="dimmed">{t('over', { count: groups.length - most })}</Text>}
          </Stack>
        );
      }}
    </States>
  );
}

/** One histogram as it changed, as a heatmap. */
function OverTime({ expr, step: asked, unit }: { expr: string; step: number | undefined; unit: Unit }) {
  const t = m.useT();
  const { range, zoom } = useTime();
  const { query, step, start, end } = useRange(expr, asked);
  const grid = useMemo(() => {
    const list = query.data?.result.resultType === 'matrix' ? query.data.result.result : [];
    const columns = { start, end, step };
    const native = list.find((s) => s.histograms !== undefined)?.histograms;
    return native !== undefined ? fromNative(native, columns) : fromClassic(list.filter((s) => s.metric.le !== undefined), columns);
  }, [query.data, start, end, step]);
  return (
    <States query={query} height={220}>
      {() => (grid === undefined ? null : (
        <Paper withBorder p="xs">
          <Text size="xs" fw={600}>{t('heatmapOver')}</Text>
          <Heatmap grid={grid} unit={unit} label={t('showHeatmap', { expr })} from={range.from / 1000} to={range.to / 1000} onZoom={zoom} sync="query" />
        </Paper>
      ))}
    </States>
  );
}

/** The bounds to draw: buckets far outside of the counts are left out; +Inf ends a bucket's width after the last. */
function extent(bars: readonly Bar[]): { low: number; high: number; log: boolean } {
  const full = bars.filter((b) => b.count > 0);
  const lows = full.map((b) => b.low).filter(Number.isFinite);
  const highs = full.map((b) => (Number.isFinite(b.high) ? b.high : b.low * 1.5)).filter(Number.isFinite);
  const low = Math.min(...lows);
  const high = Math.max(...highs);
  const positive = Math.min(...full.map((b) => (b.low > 0 ? b.low : b.high)).filter((v) => Number.isFinite(v) && v > 0));
  const log = low >= 0 && positive > 0 && high / positive > 20;
  return { low: log ? (low > 0 ? low : positive / 2) : low, high, log };
}

function Histogram({ group, unit }: { group: BarGroup; unit: Unit }) {
  const t = m.useT();
  const name = seriesName(group.metric);
  const bars = group.bars.filter((b) => b.count > 0);
  if (bars.length === 0) return <Paper withBorder p="xs"><Text size="xs" className="mono">{name}</Text><Text size="xs" c="dimmed">{t('count')} 0</Text></Paper>;
  const { low, high, log } = extent(bars);
  const W = 1000;
  const H = 150;
  const scale = (v: number) => {
    const x = Math.min(Math.max(Number.isFinite(v) ? v : high, low), high);
    return log ? (Math.log(x / low) / Math.log(high / low || 1)) * W : ((x - low) / (high - low || 1)) * W;
  };
  const top = Math.max(...bars.map((b) => b.count));
  const ticks = Array.from({ length: 6 }, (_, i) => (log ? low * (high / low) ** (i / 5) : low + ((high - low) * i) / 5));
  const total = bars.reduce((n, b) => n + b.count, 0);
  const marks = [0.5, 0.95, 0.99].map((p) => ({ p, v: quantileOf(group.bars, p) }));
  let below = 0;
  return (
    <Paper withBorder p="xs">
      <Group justify="space-between" gap="xs">
        <Text size="xs" className="mono" style={{ overflowWrap: 'anywhere' }}>{name}</Text>
        <Group gap="sm">
          <Text size="xs" className="num">{t('count')} {short(group.count)}</Text>
          {group.sum !== undefined && <Text size="xs" className="num">{t('mean')} {format(group.sum / group.count, unit)}</Text>}
          {marks.map(({ p, v }) => <Text key={p} size="xs" className="num">p{p * 100} {format(v, unit)}</Text>)}
        </Group>
      </Group>
      <svg viewBox={`0 0 ${W} ${H + 18}`} className={classes.bars} role="img" aria-label={t('histogramOf', { name })}>
        <line x1={0} x2={W} y1={H} y2={H} className={classes.axis} />
        {bars.map((b) => {
          const x = scale(b.low);
          const w = Math.max(1, scale(b.high) - x - 1);
          const h = (b.count / top) * (H - 6);
          below += b.count;
          return (
            <rect key={`${b.low}:${b.high}`} x={x} y={H - h} width={w} height={h} className={classes.bar}>
              <title>{`${format(b.low, unit)} – ${Number.isFinite(b.high) ? format(b.high, unit) : '+Inf'}\n${t('count')}: ${short(b.count)} (${percent(b.count / total)})\n${t('shareBelow')}: ${percent(below / total)}`}</title>
            </rect>
          );
        })}
        {marks.map(({ p, v }) => v !== undefined && <line key={p} x1={scale(v)} x2={scale(v)} y1={0} y2={H} className={classes.mark} />)}
        {ticks.map((v, i) => <text key={v} x={scale(v)} y={H + 14} textAnchor={i === 0 ? 'start' : i === 5 ? 'end' : 'middle'}>{format(v, unit)}</text>)}
      </svg>
    </Paper>
  );
}
