import { Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { niceStep, promDuration, range as promRange, rateInterval } from '~/api/prom';
import { TimeChart, type ChartSeries } from '~/chart/TimeChart';
import { useTime } from '~/state/time';
import { Link } from '~/ui/Link';
import { Panel } from '~/ui/Panel';
import { dimensionTexts } from '~/ui/dimensionMessages';
import { Empty, States } from '~/ui/states';
import { useChoice, useQuantiles, useSteps } from './data';
import type { Row } from './measures';
import { models } from './messages';
import { quantileSeries, stepSeries, tpotQuery } from './series';
import { useMeasure } from './SideBySide';

const most = 12;

/** The chosen measure of each group over time: of those that are picked, else of the busiest. */
export function OverTime({ rows, palette }: { rows: Row[]; palette: ReadonlyMap<string, string> }) {
  const t = models.useT();
  const [measure] = useMeasure();
  const { picks } = useChoice();
  const shown = useMemo(() => {
    const chosen = picks.length > 0 ? rows.filter((r) => picks.includes(r.key)) : [...rows].sort((a, b) => b.group.calls - a.group.calls).slice(0, most);
    return new Set(chosen.map((r) => r.name));
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [rows, picks.join('\n')]);
  const title = t('overTime', { measure: t(measure.id) });
  if (measure.id === 'quality') return <Panel title={title}><Text size="sm" c="dimmed">{t('qualityElsewhere')} <Link to="/quality" size="sm">{t('openQuality')}</Link></Text></Panel>;
  if (measure.id === 'tpot_p50') return <TpotOverTime title={title} shown={shown} palette={palette} />;
  if (measure.distribution !== undefined) return <QuantilesOverTime title={title} shown={shown} palette={palette} />;
  return <StepsOverTime title={title} shown={shown} palette={palette} />;
}

interface PanelProps {
  title: string;
  /** The names of the groups to draw. */
  shown: ReadonlySet<string>;
  palette: ReadonlyMap<string, string>;
}

function Chart({ times, series, title, palette }: { times: number[]; series: ChartSeries[]; title: string; palette: ReadonlyMap<string, string> }) {
  const [measure] = useMeasure();
  const { range, zoom } = useTime();
  const coloured = useMemo(() => series.map((s) => ({ ...s, colour: palette.get(s.name) })), [series, palette]);
  return <TimeChart times={times} series={coloured} unit={measure.unit} label={title} from={range.from / 1000} to={range.to / 1000} onZoom={zoom} sync="models" height={240} />;
}

function StepsOverTime({ title, shown, palette }: PanelProps) {
  const [measure] = useMeasure();
  const { dims } = useChoice();
  const { range } = useTime();
  const query = useSteps(true);
  const step = Math.max(60, niceStep(range.seconds, 60));
  const data = useMemo(() => stepSeries(query.data?.groups ?? [], dims, measure.id, shown, step), [query.data, dims.join(), measure.id, shown, step]); // eslint-disable-line react-hooks/exhaustive-deps
  return <Panel title={title} busy={query.isFetching}><States query={query} height={240} empty={() => data.series.length === 0}>{() => <Chart {...data} title={title} palette={palette} />}</States></Panel>;
}

function QuantilesOverTime({ title, shown, palette }: PanelProps) {
  const t = models.useT();
  const d = dimensionTexts.useT();
  const [measure] = useMeasure();
  const { dims } = useChoice();
  const query = useQuantiles(dims.length === 1);
  const data = useMemo(() => (query.data === undefined ? { times: [], series: [] } : quantileSeries(query.data, measure.id, shown, d('none'))), [query.data, measure.id, shown, d]);
  if (dims.length > 1) return <Panel title={title}><Empty title={t('oneDimension')} /></Panel>;
  return <Panel title={title} busy={query.isFetching}><States query={query} height={240} empty={() => data.series.length === 0}>{() => <Chart {...data} title={title} palette={palette} />}</States></Panel>;
}

function TpotOverTime({ title, shown, palette }: PanelProps) {
  const t = models.useT();
  const { by, filters } = useChoice();
  const { range } = useTime();
  const step = niceStep(range.seconds, 90);
  const expr = tpotQuery(by, filters, promDuration(Math.max(300, rateInterval(step))));
  const [from, to] = [range.from / 1000, range.to / 1000];
  const query = useQuery({ queryKey: ['range', expr, from, to, step], queryFn: ({ signal }) => promRange(expr ?? '', from, to, step, signal), enabled: expr !== undefined, placeholderData: (was) => was });
  const data = useMemo(() => {
    const all = (query.data ?? []).map((s) => ({ name: by.split(',').map((d) => s.metric[d === 'operation' ? 'method' : d] ?? '').join(' · '), points: new Map((s.values ?? []).map(([at, v]) => [Math.round(at), Number(v)])) })).filter((s) => shown.has(s.name));
    const times = [...new Set(all.flatMap((s) => [...s.points.keys()]))].sort((a, b) => a - b);
    return { times, series: all.map((s): ChartSeries => ({ name: s.name, values: times.map((x) => s.points.get(x) ?? null) })) };
  }, [query.data, by, shown]);
  if (expr === undefined) return <Panel title={title}><Empty title={t('tpotLabels')} /></Panel>;
  return <Panel title={title} promql={expr} busy={query.isFetching}><States query={query} height={240} empty={() => data.series.length === 0}>{() => <Chart {...data} title={title} palette={palette} />}</States></Panel>;
}
