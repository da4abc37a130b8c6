import { Text } from '@mantine/core';
import { useMemo } from 'react';
import type { Series } from '~/api/prom';
import type { SLOStatus } from '~/api/types';
import { meaning } from '~/chart/palette';
import { TimeChart, useScheme, type ChartSeries, type ChartThreshold } from '~/chart/TimeChart';
import type { Unit } from '~/format/number';
import { compact } from '~/format/time';
import { useSettings } from '~/state/settings';
import { parseDuration, useTime } from '~/state/time';
import { Panel } from '~/ui/Panel';
import { Empty, States } from '~/ui/states';
import { align } from '~/views/query/results';
import { useRecorded, type useSpan } from './data';
import { m } from './messages';
import { windowText } from './parts';
import { firstSample, gridOf, selector, windowOf } from './slo';

type Span = ReturnType<typeof useSpan>;

function Recorded({ title, description, expr, span, name, unit, series, thresholds, stacked, max }: {
  title: string; description?: string; expr: string; span: Span; name: string; unit: Unit; thresholds?: ChartThreshold[]; stacked?: boolean; max?: number;
  series: (list: Series[], values: (number | null)[][]) => ChartSeries[];
}) {
  const t = m.useT();
  const { zone } = useSettings();
  const { zoom } = useTime();
  // A window that is mostly before the first record would show nothing but that.
  const { query: q, at, part } = useRecorded(expr, span);
  const chart = useMemo(() => {
    const list = q.data ?? [];
    const { start, end } = gridOf(at);
    const { times, values } = align(list, start, end, at.step);
    return { times, series: series(list, values), first: firstSample(list) };
    // The function only names what is in the list.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [q.data, at.from, at.to, at.step, t]);
  const late = part !== undefined && chart.first !== undefined;
  const from = late ? (chart.first ?? at.from) : span.from;
  return (
    <Panel title={title} description={description} promql={expr} busy={q.isFetching}>
      <States query={q} height={190} empty={(l) => l.length === 0} emptyState={<Empty title={t('noSeries')} height={190} />}>
        {() => (
          <>
            <TimeChart times={chart.times} series={chart.series} unit={unit} height={180} stacked={stacked} thresholds={thresholds} label={t('chartOf', { title, name })} from={from} to={span.to} onZoom={zoom} sync="slo" max={max} />
            {late && <Text size="xs" c="dimmed">{t('recordedSince', { time: compact((chart.first ?? 0) * 1000, zone) })}</Text>}
          </>
        )}
      </States>
    </Panel>
  );
}

export function BurnDown({ s, span }: { s: SLOStatus; span: Span }) {
  const t = m.useT();
  const scheme = useScheme();
  return (
    <Recorded
      title={t('budgetOver')} description={t('budgetOverHint')} expr={`slo:period_error_budget_remaining:ratio${selector(s)}`} span={span} name={s.name} unit="ratio" max={1}
      thresholds={[{ value: 0, level: 'critical' }]} series={(_, values) => values.slice(0, 1).map((v) => ({ name: t('budget'), values: v, kind: 'area', colour: meaning[scheme].output }))}
    />
  );
}

/** The windows of the alerts, one line each, and the factors that they alert at. */
export function BurnRates({ s, span }: { s: SLOStatus; span: Span }) {
  const t = m.useT();
  const windows = (s.burn_rates ?? []).map((b) => b.window);
  const budget = 1 - s.objective;
  const order = (w: string) => parseDuration(w) ?? 0;
  const thresholds = [...new Map((s.alerts ?? []).filter((a) => a.off !== true).map((a) => [a.factor, a]))].map(([factor, a]): ChartThreshold => ({ value: factor, level: a.level === 'page' ? 'critical' : 'warning' }));
  return (
    <Recorded
      title={t('burnOver')} description={t('burnOverHint')} span={span} name={s.name} unit="score"
      expr={selector(s, `__name__=~"slo:sli_error:ratio_rate(${windows.join('|')})"`)}
      thresholds={thresholds}
      series={(list, values) => list.map((x, i) => ({ name: windowOf(x), label: windowText(windowOf(x)), values: (values[i] ?? []).map((v) => (v === null ? null : v / budget)) })).sort((a, b) => order(a.name) - order(b.name))}
    />
  );
}

export function ErrorRate({ s, span }: { s: SLOStatus; span: Span }) {
  const t = m.useT();
  return (
    <Recorded
      title={t('errorRate')} description={t('errorRateHint')} expr={`slo:sli_error:ratio_rate5m${selector(s)}`} span={span} name={s.name} unit="ratio"
      thresholds={[{ value: 1 - s.objective, level: 'warning' }, ...(s.alerts ?? []).filter((a) => a.level === 'page' && a.off !== true).slice(0, 1).map((a): ChartThreshold => ({ value: a.threshold, level: 'critical' }))]} series={(_, values) => values.slice(0, 1).map((v) => ({ name: 'errors', label: t('bad'), values: v, kind: 'area' }))}
    />
  );
}

export function EventRates({ s, span }: { s: SLOStatus; span: Span }) {
  const t = m.useT();
  return (
    <Recorded
      title={t('eventsOver')} expr={selector(s, '__name__=~"slo:(errors|events):rate"')} span={span} name={s.name} unit="per_second"
      series={(list, values) => list.map((x, i) => { const bad = x.metric.__name__ === 'slo:errors:rate'; return { name: bad ? 'errors' : 'events', label: bad ? t('bad') : t('all'), values: values[i] ?? [] }; })}
    />
  );
}
