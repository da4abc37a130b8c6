import { Group, Stack, Text, UnstyledButton } from '@mantine/core';
import { useMemo, useState } from 'react';
import { useLocation } from 'wouter';
import type { ExemplarSeries, Series } from '~/api/prom';
import { colours } from '~/chart/palette';
import { TimeChart, useScheme, type ChartExemplar } from '~/chart/TimeChart';
import { duration, format } from '~/format/number';
import { useTime } from '~/state/time';
import { withRange } from '~/state/url';
import { Empty, Failure, States } from '~/ui/states';
import { useExemplars, useRange } from './data';
import { m } from './messages';
import { Notes } from './Notes';
import { align, legendNames, unitOf } from './results';
import classes from './query.module.css';

const drawn = 40;
const most = 400;

/** Many single calls hide each other: of each step the lowest and the highest stay. */
export function thin(list: ChartExemplar[], step: number, max: number): ChartExemplar[] {
  if (list.length <= max) return list;
  const slots = new Map<number, { low: ChartExemplar; high: ChartExemplar }>();
  for (const e of list) {
    const k = Math.floor(e.time / step);
    const s = slots.get(k);
    if (s === undefined) slots.set(k, { low: e, high: e });
    else {
      if (e.value < s.low.value) s.low = e;
      if (e.value > s.high.value) s.high = e;
    }
  }
  const out = [...slots.values()].flatMap((s) => (s.low === s.high ? [s.low] : [s.low, s.high]));
  return out.length <= max ? out : out.sort((a, b) => b.value - a.value).slice(0, max);
}

function pointsOf(list: readonly ExemplarSeries[], step: number): ChartExemplar[] {
  const all = list.flatMap((s) => s.exemplars.map((e): ChartExemplar => ({ time: e.timestamp, value: Number(e.value), traceID: e.labels.trace_id, callID: e.labels.call_id, labels: e.labels })));
  return thin(all.filter((e) => Number.isFinite(e.value)), step, 250);
}

/** The latest value of a series, to draw those first that matter. */
function latest(s: Series): number {
  for (let i = (s.values?.length ?? 0) - 1; i >= 0; i--) {
    const v = Number(s.values?.[i]?.[1]);
    if (Number.isFinite(v)) return v;
  }
  return -Infinity;
}

export function Graph({ expr, step: asked, stacked, exemplars }: { expr: string; step: number | undefined; stacked: boolean; exemplars: boolean }) {
  const t = m.useT();
  const { query, step, start, end } = useRange(expr, asked);
  const samples = useExemplars(expr, exemplars);
  const diamonds = useMemo(() => (exemplars && samples.data !== undefined ? pointsOf(samples.data, step) : []), [exemplars, samples.data, step]);
  return (
    <States query={query} height={260}>
      {(o) => {
        const list = o.result.resultType === 'matrix' ? o.result.result : [];
        return (
          <Stack gap={6}>
            <Notes {...o} />
            {samples.error !== null && exemplars && <Failure error={samples.error} compact />}
            {exemplars && samples.isSuccess && !samples.isPlaceholderData && samples.data.every((s) => s.exemplars.length === 0) && <Text size="xs" c="dimmed" role="status">{t('noExemplars')}</Text>}
            {list.length === 0
              ? <Empty title={t('noResult')} hint={t('noResultGraph')} />
              : <Lines list={list} expr={expr} stacked={stacked} diamonds={diamonds} start={start} end={end} step={step} note={`${t('took', { count: list.length, d: duration(o.seconds) })} · ${t('step')} ${duration(step)}`} />}
          </Stack>
        );
      }}
    </States>
  );
}

function Lines({ list, expr, stacked, diamonds, start, end, step, note }: { list: Series[]; expr: string; stacked: boolean; diamonds: ChartExemplar[]; start: number; end: number; step: number; note: string }) {
  const t = m.useT();
  const { range, zoom } = useTime();
  const [, navigate] = useLocation();
  const [all, setAll] = useState(false);
  const [solo, setSolo] = useState<string>();
  const scheme = useScheme();
  const unit = unitOf(expr);
  const chart = useMemo(() => {
    const ranked = list.filter((s) => s.values !== undefined).map((s) => ({ s, last: latest(s) })).sort((a, b) => b.last - a.last).map((x) => x.s);
    const shown = ranked.slice(0, all ? most : drawn);
    const { times, values } = align(shown, start, end, step);
    const names = legendNames(shown);
    const palette = colours(names, scheme);
    return { times, series: shown.map((s, i) => ({ name: names[i] ?? String(i), values: values[i] ?? [], colour: palette.get(names[i] ?? ''), last: latest(s) })), shown: shown.length, all: ranked.length };
  }, [list, start, end, step, all, scheme]);
  const alone = chart.series.some((s) => s.name === solo) ? solo : undefined;
  if (chart.all === 0) return <Empty title={t('noHistogram')} hint={t('histogram')} />;
  return (
    <>
      <Group justify="space-between" gap="xs">
        <Text size="xs" c="dimmed">{note}</Text>
        {(chart.shown < chart.all || all) && (
          <Text size="xs" c="dimmed">
            {chart.shown < chart.all ? t('capped', { shown: chart.shown, all: chart.all }) : ''}{' '}
            <UnstyledButton className={classes.inline} onClick={() => setAll(!all)}>{all ? t('drawFewer') : t('drawAll')}</UnstyledButton>
          </Text>
        )}
      </Group>
      {chart.shown >= most && <Text size="xs" c="dimmed">{t('manySeries', { count: chart.all })}</Text>}
      <TimeChart
        times={chart.times} series={alone === undefined ? chart.series : chart.series.filter((s) => s.name === alone)} unit={unit} height={300} legend={false} stacked={stacked} label={t('chartLabel', { expr })} exemplars={diamonds}
        from={range.from / 1000} to={range.to / 1000} onZoom={zoom} sync="query"
        onExemplar={(e) => navigate(withRange(e.callID !== undefined ? `/calls/${e.callID}` : `/traces/${e.traceID ?? ''}`, window.location.search))}
      />
      <div className={classes.legend} role="group" aria-label={t('legend')}>
        {chart.series.map((s) => (
          <UnstyledButton key={s.name} className={classes.legendItem} aria-pressed={alone === s.name} data-faded={alone !== undefined && alone !== s.name ? '' : undefined} onClick={() => setSolo(alone === s.name ? undefined : s.name)}>
            <span className={classes.swatch} style={{ background: s.colour }} />
            <span className={classes.legendName} title={s.name}>{s.name}</span>
            <span className="num">{format(Number.isFinite(s.last) ? s.last : null, unit)}</span>
          </UnstyledButton>
        ))}
      </div>
    </>
  );
}
