// Panels about time. Over short ranges they come from native histograms, which
// have exemplars; over long ones, and where metrics cannot filter, from the events.

import type { ChartSeries } from '~/chart/TimeChart';
import { curl } from '~/ui/Copy';
import { PromPanel, type Asked, type PromPanelProps } from '~/ui/prom/PromPanel';
import { SeriesPanel } from '~/ui/prom/SeriesPanel';
import { timelineParams, useColours, useSpeeds, useTimeline, type Scene } from './data';
import { callsLink } from './filters';
import { messages } from './messages';
import { sync, useExplainLink, type PanelProps } from './panels';
import { seconds } from './series';

const lookback = '[$__rate_interval]';

/** A quantile over time. */
export function quantile(q: number, family: string, s: Scene, by = ''): string {
  return `histogram_quantile(${q}, sum${by === '' ? '' : ` by (${by}) `}(rate(${family}${s.sel}${lookback})))`;
}

export const latencyTargets = (s: Scene): Asked[] => [0.5, 0.95, 0.99].map((q, i) => ({ ref: 'ABC'[i], expr: quantile(q, 'llm_request_duration_seconds', s), legend: `p${q * 100}`, exemplars: i === 0 }));

export const ttftTargets = (s: Scene): Asked[] => [0.5, 0.95].map((q, i) => ({ ref: 'AB'[i], expr: quantile(q, 'llm_time_to_first_token_seconds', s), legend: `p${q * 100}`, exemplars: i === 0 }));

/** Panels whose series only metrics have say that they cannot tell environments apart. */
function useMetricsFrame(id: 'heatmap' | 'speed' | 'active' | 'quality' | 'latency' | 'ttft' | 'latency_by_model', { scene, height }: PanelProps): Pick<PromPanelProps, 'id' | 'title' | 'description' | 'height' | 'sync' | 'badge'> {
  const t = messages.useT();
  return { id, title: t(`panel.${id}`), description: t(`about.${id}`), height, sync, badge: scene.allEnvironments ? t('allEnvironments') : undefined };
}

function useLatencyLinks(scene: Scene, metric: string) {
  const t = messages.useT();
  const explain = useExplainLink();
  return [{ title: t('slowestCalls'), to: callsLink(scene.choice, { order: 'slowest' }) }, { title: t('whatChanged'), to: explain(metric) }];
}

export function LatencyPanel(p: PanelProps) {
  return <QuantilesPanel {...p} id="latency" metric="latency_p95" targets={latencyTargets(p.scene)} field="latency_seconds" names={['p50', 'p95', 'p99']} concern="latency" />;
}

export function TTFTPanel(p: PanelProps) {
  return <QuantilesPanel {...p} id="ttft" metric="ttft_p95" targets={ttftTargets(p.scene)} field="ttft_seconds" names={['p50', 'p95']} concern="ttft" />;
}

function QuantilesPanel({ id, metric, targets, field, names, concern, ...p }: PanelProps & { id: 'latency' | 'ttft'; metric: string; targets: Asked[]; field: 'latency_seconds' | 'ttft_seconds'; names: ('p50' | 'p95' | 'p99')[]; concern: 'latency' | 'ttft' }) {
  const { scene, bands } = p;
  const { badge, ...frame } = useMetricsFrame(id, p);
  const links = useLatencyLinks(scene, metric);
  const { source } = useSpeeds(scene);
  const q = useTimeline(scene, { quantiles: true }, source === 'events');
  if (source !== 'events') return <PromPanel {...frame} badge={badge} kind="timeseries" unit="seconds" targets={targets} bands={bands.get(concern)} links={links} />;
  const one = q.data?.series?.[0]?.[field];
  const series: ChartSeries[] = one === undefined ? [] : names.map((name) => ({ name, values: one[name] })).filter((s) => s.values.some((v) => v !== null));
  return <SeriesPanel {...frame} query={q} times={q.data === undefined ? [] : seconds(q.data)} series={series} unit="seconds" bands={bands.get(concern)} links={links} curl={curl('/timeline', timelineParams(scene, { quantiles: true }))} />;
}

export function LatencyByModelPanel(p: PanelProps) {
  const { scene, bands } = p;
  const { badge, ...frame } = useMetricsFrame('latency_by_model', p);
  const links = useLatencyLinks(scene, 'latency_p95');
  const { source } = useSpeeds(scene);
  const colourOf = useColours(scene, 'model');
  const o = { by: 'model', quantiles: true };
  const q = useTimeline(scene, o, source === 'events');
  const link = (model: string | undefined) => (model === undefined || model === '' || model === '__other__' ? undefined : { title: model, to: callsLink({ ...scene.choice, model: [model] }, { order: 'slowest' }) });
  if (source !== 'events') {
    return <PromPanel {...frame} badge={badge} kind="timeseries" unit="seconds" targets={[{ expr: quantile(0.95, 'llm_request_duration_seconds', scene, 'model'), legend: '{{model}}' }]} bands={bands.get('latency')} links={links} seriesLink={(labels) => link(labels.model)} colourOf={colourOf} />;
  }
  const series: ChartSeries[] = (q.data?.series ?? []).map((s) => ({ name: s.value === '' ? '–' : s.value, values: s.latency_seconds?.p95 ?? [], colour: colourOf(s.value) })).filter((s) => s.values.some((v) => v !== null));
  return <SeriesPanel {...frame} query={q} times={q.data === undefined ? [] : seconds(q.data)} series={series} unit="seconds" bands={bands.get('latency')} links={links} seriesLink={(s) => link(s.name)} curl={curl('/timeline', timelineParams(scene, o))} />;
}

export function HeatmapPanel(p: PanelProps) {
  const links = useLatencyLinks(p.scene, 'latency_p95');
  return <PromPanel {...useMetricsFrame('heatmap', p)} kind="heatmap" unit="seconds" targets={[{ expr: `sum(increase(llm_request_duration_seconds${p.scene.sel}${lookback}))`, legend: '' }]} links={links} />;
}

/** The speed that half of the streams have, and the one that 95 % exceed. */
export function useSpeedTargets(s: Scene): Asked[] {
  const t = messages.useT();
  const speed = (q: number) => `1 / ${quantile(q, 'llm_time_per_output_token_seconds', s)}`;
  return [{ ref: 'A', expr: speed(0.5), legend: t('median'), name: 'p50' }, { ref: 'B', expr: speed(0.95), legend: t('slowest'), name: 'p95' }];
}

export function SpeedPanel(p: PanelProps) {
  const { scene, bands } = p;
  const t = messages.useT();
  const explain = useExplainLink();
  return (
    <PromPanel {...useMetricsFrame('speed', p)} kind="timeseries" unit="tokens_per_second" bands={bands.get('speed')}
      targets={useSpeedTargets(scene)}
      links={[{ title: t('whatChanged'), to: explain('tokens_per_second') }]} />
  );
}

export function ActivePanel(p: PanelProps) {
  const colourOf = useColours(p.scene, 'model');
  return (
    <PromPanel {...useMetricsFrame('active', p)} kind="timeseries" unit="count" stacked targets={[{ expr: `sum by (model) (llm_active_requests${p.scene.sel})`, legend: '{{model}}' }]} colourOf={colourOf}
      seriesLink={(labels) => (labels.model === undefined ? undefined : { title: labels.model, to: callsLink({ ...p.scene.choice, model: [labels.model] }) })} />
  );
}

export function QualityPanel(p: PanelProps) {
  const t = messages.useT();
  const rate = (part: string) => `sum by (evaluator) (rate(llm_response_quality_score_${part}${p.scene.sel}${lookback}))`;
  return (
    <PromPanel {...useMetricsFrame('quality', p)} kind="timeseries" unit="score" points={40} max={1} targets={[{ expr: `${rate('sum')} / (${rate('count')} > 0)`, legend: '{{evaluator}}' }]}
      links={[{ title: t('qualityPage'), to: '/quality' }]} />
  );
}
