// Calls as points over time. A region of them can be asked what is different
// about it: explain compares it with all the others.

import { Button, Group, NativeSelect, SegmentedControl, Stack, Switch, Text, UnstyledButton } from '@mantine/core';
import { useMediaQuery, useViewportSize } from '@mantine/hooks';
import { IconZoomQuestion } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useMemo, useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import { get } from '~/api/client';
import { colours, meaning } from '~/chart/palette';
import { useScheme } from '~/chart/TimeChart';
import { count, duration, format, percent, unknown, usd } from '~/format/number';
import { dateTime } from '~/format/time';
import { common } from '~/i18n/common';
import { useSettings } from '~/state/settings';
import { useTime } from '~/state/time';
import { useParam, useParams, withRange } from '~/state/url';
import { Empty, Loading, States } from '~/ui/states';
import { apiParams, filterLogsQL, isEmpty, type Filters } from './filters';
import explorer from './explorer.module.css';
import { explainParams, infoOf, measures, type Measure, type Sample } from './measures';
import { RegionForm } from './RegionForm';
import { formatRegion, inRegion, parseRegion, scaleOf, type Region } from './scale';
import { ScatterCanvas, type Points } from './ScatterCanvas';
import { scatter } from './scatterMessages';
import classes from './scatter.module.css';

const Explanation = lazy(() => import('~/content/Explanation').then((m) => ({ default: m.Explanation })));

const colourings = ['model', 'status', 'service', 'provider', 'error_type'] as const;
type Colouring = (typeof colourings)[number];
const most = 10_000;

function oneOf<T extends string>(list: readonly T[], value: string, initial: T): T {
  return (list as readonly string[]).includes(value) ? (value as T) : initial;
}

export default function Scatter({ filters, open, onOpen }: { filters: Filters; open: string; onOpen: (id: string) => void }) {
  const t = scatter.useT();
  const { api, range } = useTime();
  const [y, setY] = useParam('y', 'duration');
  const [by, setBy] = useParam('colour', 'model');
  const [log, setLog] = useParam('log', '1');
  const measure = oneOf(measures, y, 'duration');
  const colouring = oneOf(colourings, by, 'model');
  const filter = useMemo(() => apiParams(filters), [filters]);
  const q = useQuery({
    queryKey: ['calls', 'sample', filter, api],
    queryFn: ({ signal }) => get<Sample>('/calls/sample', { ...filter, ...api, limit: most }, signal),
    placeholderData: (was) => was,
  });
  const name = useMeasureName();
  return (
    <div className={classes.page}>
      <div className={explorer.paper}>
        <div className={classes.tools}>
          <NativeSelect size="xs" className={classes.select} label={t('y')} value={measure} onChange={(e) => setY(e.currentTarget.value)} data={measures.map((m) => ({ value: m, label: name(m) }))} />
          <NativeSelect size="xs" className={classes.select} label={t('colourBy')} value={colouring} onChange={(e) => setBy(e.currentTarget.value)} data={colourings.map((c) => ({ value: c, label: t(c) }))} />
          <Switch size="xs" label={t('log')} checked={log === '1'} onChange={(e) => setLog(e.currentTarget.checked ? '1' : '0')} mb={6} />
          {q.data !== undefined && <Text size="xs" c="dimmed" mb={6}>{q.data.share >= 1 ? t('allPoints', { n: count(q.data.count) }) : t('somePoints', { n: count(q.data.count), total: count(q.data.total), p: percent(q.data.share) })}</Text>}
        </div>
        <States query={q} height={380} empty={(s) => s.count === 0} emptyState={<Empty height={300} hint={isEmpty(filters) ? undefined : t('nothing')} />}>
          {(s) => <Plot sample={s} measure={measure} colouring={colouring} log={log === '1'} from={range.from} to={range.to} filters={filters} open={open} onOpen={onOpen} />}
        </States>
      </div>
    </div>
  );
}

export function useMeasureName(): (m: Measure) => string {
  const c = common.useT();
  return (m) => ({ duration: c('duration'), ttft: c('ttft'), tpot: c('tpot'), tokens_per_second: c('tokensPerSecond'), cost: c('cost'), input_tokens: c('inputTokens'), output_tokens: c('outputTokens') })[m];
}

interface PlotProps { sample: Sample; measure: Measure; colouring: Colouring; log: boolean; from: number; to: number; filters: Filters; open: string; onOpen: (id: string) => void }

/** So many colours are told apart. */
const legendMost = 11;

/** The values of the colouring, the most frequent first; those beyond the legend are one. */
function useGroups(sample: Sample, colouring: Colouring, hidden: ReadonlySet<string>): { names: string[]; palette: Map<string, string>; points: (value: readonly (number | null)[]) => Points } {
  const scheme = useScheme();
  return useMemo(() => {
    const coded = sample.columns[colouring];
    const n = new Map<number, number>();
    for (const i of coded.index) n.set(i, (n.get(i) ?? 0) + 1);
    const order = [...n.keys()].sort((a, b) => (n.get(b) ?? 0) - (n.get(a) ?? 0));
    const names = order.slice(0, legendMost).map((i) => coded.values[i] ?? unknown);
    if (order.length > legendMost) names.push('__other__');
    const palette = colours(names.filter((x) => x !== unknown), scheme);
    palette.set(unknown, meaning[scheme].muted);
    const groupOf = new Map(order.map((i, place) => [i, Math.min(place, names.length - 1)]));
    const error = sample.columns.status.values.indexOf('error');
    const cross = sample.columns.status.index.map((i) => i === error);
    return {
      names, palette,
      points: (value) => ({ time: sample.columns.time_ms, value, cross, colours: names.map((x) => palette.get(x) ?? meaning[scheme].muted), group: coded.index.map((i) => { const g = groupOf.get(i) ?? -1; return hidden.has(names[g] ?? '') ? -1 : g; }) }),
    };
  }, [sample, colouring, hidden, scheme]);
}

function Plot({ sample, measure, colouring, log, from, to, filters, open, onOpen }: PlotProps) {
  const t = scatter.useT();
  const c = common.useT();
  const { zone } = useSettings();
  const { zoom } = useTime();
  const [, set] = useParams();
  const [text] = useParam('region');
  const [asked] = useParam('explain');
  const region = parseRegion(text);
  const wide = useMediaQuery('(min-width: 62em)', true, { getInitialValueInEffect: false });
  const { height: viewport } = useViewportSize();
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const groups = useGroups(sample, colouring, hidden);
  const info = infoOf[measure];
  const value = sample.columns[info.column];
  const scale = useMemo(() => scaleOf(value, log), [value, log]);
  const points = useMemo(() => groups.points(value), [groups, value]);
  const inside = useMemo(() => (region === undefined ? 0 : sample.columns.time_ms.filter((time, i) => inRegion(region, time, value[i] ?? null)).length), [region, sample, value]);
  const known = value.filter((v) => v !== null).length;
  const name = useMeasureName()(measure);
  const mark = (r: Region | undefined) => set({ region: r === undefined ? null : formatRegion(r), explain: null });
  const cols = sample.columns;
  const of = (coded: { values: string[]; index: number[] }, i: number) => coded.values[coded.index[i] ?? -1] ?? unknown;
  const tip = (i: number) => (
    <>
      <b>{of(cols.model, i)}</b> · {of(cols.status, i) === 'error' ? (of(cols.error_type, i) === unknown ? c('error') : of(cols.error_type, i)) : c('ok')}<br />
      {dateTime(cols.time_ms[i] ?? 0, zone, { millis: true })}<br />
      {name}: <b>{format(value[i], info.unit)}</b><br />
      {measure !== 'duration' && <>{c('duration')}: {duration(cols.duration_seconds[i])}<br /></>}
      {c('tokens')}: {count(cols.input_tokens[i])} → {count(cols.output_tokens[i])} · {usd(cols.cost_usd[i])}<br />
      {of(cols.service, i)} · {of(cols.provider, i)}
    </>
  );
  return (
    <Stack gap={6} mt={6}>
      <ScatterCanvas
        points={points} from={from} to={to} scale={scale} unit={info.unit} height={!wide ? 300 : asked === '' ? Math.max(340, viewport - 380) : 340} region={region} onRegion={mark} onOpen={(i) => onOpen(cols.id[i] ?? '')} open={open === '' ? undefined : cols.id.indexOf(open)} tip={tip}
        label={t('label', { y: name, n: count(known) })}
      />
      <div className={classes.legend} role="group" aria-label={t('legend')}>
        {groups.names.map((x) => (
          <UnstyledButton key={x} className={classes.legendItem} aria-pressed={!hidden.has(x)} onClick={() => setHidden((was) => { const next = new Set(was); if (!next.delete(x)) next.add(x); return next; })}>
            <span className={classes.swatch} style={{ background: groups.palette.get(x) }} aria-hidden />{x === '__other__' ? c('other') : x === unknown ? c('none') : x}
          </UnstyledButton>
        ))}
        <Text size="xs" c="dimmed" ml="auto">{t('crossIsError')}{known < sample.count ? ` · ${t('notKnown', { n: count(sample.count - known), y: name })}` : ''}</Text>
      </div>
      <RegionForm region={region} measure={measure} name={name} from={from} to={to} onChange={mark}>
        {region !== undefined && (
          <>
            <Text size="xs" mb={6}>{t('selected', { n: count(inside), of: count(sample.count) })}</Text>
            <Button size="xs" leftSection={<IconZoomQuestion size={15} />} onClick={() => set({ explain: asked === '' ? 'requests' : null })} aria-expanded={asked !== ''} variant={asked === '' ? 'filled' : 'light'}>{t('ask')}</Button>
            <ShowRegion region={region} measure={measure} />
            <Button size="xs" variant="subtle" onClick={() => { set({ region: null, explain: null }); zoom(region.from, region.to); }}>{t('zoom')}</Button>
            <Button size="xs" variant="subtle" color="gray" onClick={() => mark(undefined)}>{t('clear')}</Button>
          </>
        )}
      </RegionForm>
      {region !== undefined && asked !== '' && <Answer region={region} measure={measure} name={name} filters={filters} metric={asked} onMetric={(m) => set({ explain: m })} />}
    </Stack>
  );
}

/** The calls of the region as a list. */
function ShowRegion({ region, measure }: { region: Region; measure: Measure }) {
  const t = scatter.useT();
  const search = useSearch();
  const [, navigate] = useLocation();
  const [params] = useParams();
  const f = infoOf[measure].field;
  const show = () => {
    const q = new URLSearchParams(params);
    for (const k of ['view', 'y', 'colour', 'log', 'region', 'explain', 'call']) q.delete(k);
    const was = q.get('query') ?? '';
    const own = `${f}:>=${Number(region.low.toPrecision(6))} ${f}:<=${Number(region.high.toPrecision(6))}`;
    q.set('query', was === '' ? own : `(${was}) ${own}`);
    q.set('start', new Date(region.from).toISOString());
    q.set('end', new Date(region.to).toISOString());
    navigate(withRange(`/calls?${q.toString()}`, search));
  };
  return <Button size="xs" variant="subtle" onClick={show}>{t('list')}</Button>;
}

/** The explanation, for one of the questions that can be asked about a region. */
function Answer({ region, measure, name, filters, metric, onMetric }: { region: Region; measure: Measure; name: string; filters: Filters; metric: string; onMetric: (m: string) => void }) {
  const t = scatter.useT();
  const { zoneName } = useSettings();
  const { api, range } = useTime();
  // A live range moves; the answer is about the moment of the question.
  const [steady, setSteady] = useState({ key: `${range.start} ${range.end}`, api });
  if (steady.key !== `${range.start} ${range.end}`) setSteady({ key: `${range.start} ${range.end}`, api });
  const own = infoOf[measure].metric;
  const questions = ['requests', own, 'error_rate'];
  const asked = questions.includes(metric) ? metric : 'requests';
  const params = { ...explainParams(region, measure, asked, filterLogsQL(filters, false), steady.api), time_zone: zoneName };
  return (
    <Stack gap={6}>
      <Group gap="xs">
        <Text size="sm" fw={600}>{t('ask')}</Text>
        <SegmentedControl size="xs" value={asked} onChange={onMetric} aria-label={t('question')} data={[{ value: 'requests', label: t('which') }, { value: own, label: t('why', { y: name }) }, { value: 'error_rate', label: t('fail') }]} />
      </Group>
      <Suspense fallback={<Loading height={160} />}><Explanation params={params} /></Suspense>
    </Stack>
  );
}
