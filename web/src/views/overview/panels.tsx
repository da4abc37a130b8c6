// The panels of the overview. Each asks for what it shows, when it comes into sight.

import { SeriesPanel, type PanelFrame } from '~/ui/prom/SeriesPanel';
import { duration } from '~/format/number';
import type { Timeline } from '~/api/types';
import type { ChartBand, ChartSeries } from '~/chart/TimeChart';
import type { Unit } from '~/format/number';
import { useSearch } from 'wouter';
import { common } from '~/i18n/common';
import { changed } from '~/state/url';
import { curl } from '~/ui/Copy';
import { Empty } from '~/ui/states';
import type { Concern } from './bands';
import { timelineParams, useColours, useTimeline, type Scene, type TimelineOptions } from './data';
import { callsLink } from './filters';
import { messages } from './messages';
import { column, perSecond, seconds, split } from './series';

export interface PanelProps {
  scene: Scene;
  bands: Map<Concern, ChartBand[]>;
  height: number;
}

export const sync = 'overview';

/** Where a panel's question of what changed is answered: on this page, with what is chosen. */
export function useExplainLink(): (metric: string) => string {
  const search = useSearch();
  return (metric) => `/?${changed(search, { explain: metric })}`;
}


/** The frame of a panel whose numbers are a timeline of events. */
function useFrame(id: 'requests' | 'errors' | 'tokens' | 'cost' | 'by_model' | 'cost_by_service' | 'by_service', scene: Scene, o: TimelineOptions, height: number): PanelFrame {
  const t = messages.useT();
  return { id, title: t(`panel.${id}`), description: t(`about.${id}`), height, badge: t('per', { step: duration(scene.step) }), curl: curl('/timeline', timelineParams(scene, o)) };
}

const none: Timeline = { step_seconds: 0, times: [], series: [] };

export function RequestsPanel({ scene, bands, height }: PanelProps) {
  const t = messages.useT();
  const explain = useExplainLink();
  const c = common.useT();
  const q = useTimeline(scene);
  const frame = useFrame('requests', scene, {}, height);
  const data = q.data ?? none;
  const calls = column(data, 'calls');
  const errors = column(data, 'errors');
  const series: ChartSeries[] = calls.some((n) => n > 0)
    ? [{ name: 'ok', label: c('ok'), kind: 'bars', values: calls.map((n, i) => n - (errors[i] ?? 0)) }, { name: 'errors', label: c('errors'), kind: 'bars', values: errors }]
    : [];
  return (
    <SeriesPanel {...frame} query={q} times={seconds(data)} series={series} unit="count" stacked sync={sync} bands={[...(bands.get('requests') ?? []), ...(bands.get('errors') ?? [])]}
      links={[{ title: t('theCalls'), to: callsLink(scene.choice) }, { title: t('failed'), to: callsLink(scene.choice, { status: 'error' }) }, { title: t('whatChanged'), to: explain('requests') }]} />
  );
}

/** Stacked bars of a timeline that is split by a dimension; each leads to its calls. */
function SplitPanel({ scene, height, id, o, name, unit, parameter, more, bands, links, empty }: Omit<PanelProps, 'bands'> & {
  id: Parameters<typeof useFrame>[0];
  o: TimelineOptions;
  name: 'calls' | 'errors' | 'cost_usd';
  unit: Unit;
  parameter: 'model' | 'service' | 'error_type';
  more?: Record<string, string>;
  bands?: ChartBand[];
  links: PanelFrame['links'];
  empty?: React.ReactNode;
}) {
  const c = common.useT();
  const q = useTimeline(scene, o);
  const frame = useFrame(id, scene, o, height);
  const data = q.data ?? none;
  const colourOf = useColours(scene, parameter === 'service' ? 'service' : 'model');
  const series = split(data, name, (v) => (v === '__other__' ? c('other') : v === '' ? c('unknown') : v)).map((s): ChartSeries => ({ ...s, kind: 'bars', colour: parameter === 'error_type' ? undefined : colourOf(s.name) }));
  return (
    <SeriesPanel {...frame} query={q} times={seconds(data)} series={series} unit={unit} stacked sync={sync} bands={bands} links={links} empty={empty}
      seriesLink={(s) => (s.name === '__other__' || s.name === '–' ? undefined : { to: callsLink({ ...scene.choice, [parameter]: [s.name] }, { ...more, ...(parameter === 'error_type' ? { error_type: s.name } : {}) }) })} />
  );
}

export function ErrorsPanel({ scene, bands, height }: PanelProps) {
  const t = messages.useT();
  const explain = useExplainLink();
  return (
    <SplitPanel scene={scene} height={height} id="errors" o={{ by: 'error_type', status: 'error' }} name="errors" unit="count" parameter="error_type" more={{ status: 'error' }} bands={bands.get('errors')}
      empty={<Empty height={height} title={t('noErrors')} hint={t('noErrorsHint')} />}
      links={[{ title: t('failed'), to: callsLink(scene.choice, { status: 'error' }) }, { title: t('whatChanged'), to: explain('error_rate') }]} />
  );
}

export function CostPanel({ scene, bands, height }: PanelProps) {
  const t = messages.useT();
  const explain = useExplainLink();
  return (
    <SplitPanel scene={scene} height={height} id="cost" o={{ by: 'model' }} name="cost_usd" unit="usd" parameter="model" more={{ order: 'costliest' }} bands={bands.get('cost')}
      empty={<Empty height={height} title={t('noCost')} />}
      links={[{ title: t('costliest'), to: callsLink(scene.choice, { order: 'costliest' }) }, { title: t('costDetails'), to: '/cost' }, { title: t('whatChanged'), to: explain('cost') }]} />
  );
}

export function ByModelPanel({ scene, height }: PanelProps) {
  const t = messages.useT();
  return <SplitPanel scene={scene} height={height} id="by_model" o={{ by: 'model' }} name="calls" unit="count" parameter="model" links={[{ title: t('theCalls'), to: callsLink(scene.choice) }, { title: t('compare'), to: '/models' }]} />;
}

export function CostByServicePanel({ scene, bands, height }: PanelProps) {
  const t = messages.useT();
  return (
    <SplitPanel scene={scene} height={height} id="cost_by_service" o={{ by: 'service' }} name="cost_usd" unit="usd" parameter="service" more={{ order: 'costliest' }} bands={bands.get('cost')} empty={<Empty height={height} title={t('noCost')} />}
      links={[{ title: t('costliest'), to: callsLink(scene.choice, { order: 'costliest' }) }, { title: t('costDetails'), to: '/cost?by=service' }]} />
  );
}

export function ByServicePanel({ scene, height }: PanelProps) {
  const t = messages.useT();
  return <SplitPanel scene={scene} height={height} id="by_service" o={{ by: 'service' }} name="calls" unit="count" parameter="service" links={[{ title: t('theCalls'), to: callsLink(scene.choice) }]} />;
}

export function TokensPanel({ scene, height }: PanelProps) {
  const t = messages.useT();
  const q = useTimeline(scene);
  const { badge: _badge, ...frame } = useFrame('tokens', scene, {}, height);
  const data = q.data ?? none;
  const times = seconds(data);
  const rate = (name: 'input_tokens' | 'output_tokens') => perSecond(column(data, name), times, data.step_seconds, scene.range.from / 1000, scene.range.to / 1000);
  const series: ChartSeries[] = times.length === 0 ? [] : [{ name: 'output', label: t('output'), values: rate('output_tokens') }, { name: 'input', label: t('input'), values: rate('input_tokens') }];
  return (
    <SeriesPanel {...frame} query={q} times={times} series={series} unit="tokens_per_second" stacked sync={sync}
      links={[{ title: t('mostTokens'), to: callsLink(scene.choice, { order: 'most_tokens' }) }]} />
  );
}

