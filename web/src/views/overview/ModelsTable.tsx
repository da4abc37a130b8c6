import { useQuery } from '@tanstack/react-query';
import { get } from '~/api/client';
import { instant, promDuration, type Sample } from '~/api/prom';
import type { Group, ModelStat, Totals } from '~/api/types';
import { meaning } from '~/chart/palette';
import { Sparkline } from '~/chart/Sparkline';
import { useScheme } from '~/chart/TimeChart';
import { count, duration, percent, usd } from '~/format/number';
import { common } from '~/i18n/common';
import { curl } from '~/ui/Copy';
import { DataTable, type Column } from '~/ui/DataTable';
import { useUrlSorted } from '~/ui/useUrlSorted';
import { Link } from '~/ui/Link';
import { FramedPanel } from '~/ui/prom/SeriesPanel';
import { union } from '~/ui/prom/data';
import { Empty, States } from '~/ui/states';
import { useColours, useSpeeds, useTimeline, type Scene } from './data';
import { callsLink } from './filters';
import { messages } from './messages';
import type { PanelProps } from './panels';

interface Row {
  provider: string;
  model: string;
  totals: Totals;
  p95?: number;
  ttft?: number;
}

const keyOf = (provider: string, model: string) => JSON.stringify([provider, model]);

/** Quantiles of a model from histograms. */
function byModel(samples: readonly Sample[]): Map<string, { p95?: number; ttft?: number }> {
  const out = new Map<string, { p95?: number; ttft?: number }>();
  for (const s of samples) {
    const value = Number(s.value?.[1]);
    if (!Number.isFinite(value)) continue;
    const key = keyOf(s.metric.provider ?? '', s.metric.model ?? '');
    out.set(key, { ...out.get(key), [s.metric.pitot_part ?? '']: value });
  }
  return out;
}

function useModels(scene: Scene) {
  const { source } = useSpeeds(scene);
  const params = { ...scene.params, by: ['provider', 'model'] };
  const costs = useQuery({
    queryKey: ['costs', params],
    queryFn: async ({ signal }) => (await get<{ groups: Group[] | null }>('/costs', params, signal)).groups ?? [],
    placeholderData: (was) => was,
    enabled: source === 'metrics',
  });
  const window = promDuration(scene.range.seconds);
  const quantile = (family: string) => `histogram_quantile(0.95, sum by (provider, model) (increase(${family}${scene.sel}[${window}])))`;
  const expr = union({ p95: quantile('llm_request_duration_seconds'), ttft: quantile('llm_time_to_first_token_seconds') });
  const time = scene.range.to / 1000;
  const metrics = useQuery({ queryKey: ['model-speeds', expr, time], queryFn: async ({ signal }) => byModel(await instant(expr, time, signal)), placeholderData: (was) => was, enabled: source === 'metrics' });
  const events = useQuery({
    queryKey: ['models', scene.params],
    queryFn: async ({ signal }) => (await get<{ models: ModelStat[] | null }>('/models', scene.params, signal)).models ?? [],
    placeholderData: (was) => was,
    enabled: source === 'events',
  });
  const rows: Row[] | undefined = source === 'events'
    ? events.data?.map((m) => ({ provider: m.provider, model: m.model, totals: m.totals, p95: m.latency_seconds?.p95, ttft: m.ttft_seconds?.p95 }))
    : costs.data?.map((g) => ({ provider: g.values?.provider ?? '', model: g.values?.model ?? '', totals: g.totals, ...metrics.data?.get(keyOf(g.values?.provider ?? '', g.values?.model ?? '')) }));
  const q = source === 'events' ? events : costs;
  return { data: rows, error: q.error, isPending: q.isPending, isPlaceholderData: q.isPlaceholderData, refetch: q.refetch, curl: source === 'events' ? curl('/models', scene.params) : curl('/costs', params) };
}

export function ModelsTable({ scene, height }: PanelProps) {
  const t = messages.useT();
  const c = common.useT();
  const q = useModels(scene);
  const timeline = useTimeline(scene, { by: 'model' });
  return (
    <FramedPanel frame={{ id: 'models', title: t('panel.models'), description: t('about.models'), curl: q.curl, links: [{ title: t('compare'), to: '/models' }] }} busy={q.isPlaceholderData}>
      <States query={q} height={height} empty={(rows) => rows.length === 0} emptyState={<Empty height={height} title={c('noData')} />}>
        {(rows) => <Rows rows={rows} scene={scene} height={height + 26} trend={new Map((timeline.data?.series ?? []).map((s) => [s.value, s.calls]))} />}
      </States>
    </FramedPanel>
  );
}

function Rows({ rows, scene, height, trend }: { rows: Row[]; scene: Scene; height: number; trend: Map<string, number[]> }) {
  const t = messages.useT();
  const c = common.useT();
  const scheme = useScheme();
  const colourOf = useColours(scene, 'model');
  const errorRate = (r: Row) => r.totals.errors / Math.max(1, r.totals.calls);
  const unpriced = (r: Row) => r.totals.by_state?.unpriced?.calls ?? 0;
  // A timeline is by model alone: of a model that two providers have it would show the sum twice.
  const names = rows.map((r) => r.model);
  const single = (m: string) => names.indexOf(m) === names.lastIndexOf(m);
  const columns: Column<Row>[] = [
    { id: 'model', title: c('model'), width: 'minmax(150px, 1.8fr)', value: (r) => r.model, cell: (r) => (r.model === '' ? c('unknown') : <Link to={callsLink({ ...scene.choice, model: [r.model], provider: r.provider === '' ? [] : [r.provider] })} size="xs" title={r.model}>{r.model}</Link>) },
    { id: 'provider', title: c('provider'), width: 'minmax(80px, 0.9fr)', value: (r) => r.provider, cell: (r) => r.provider },
    { id: 'trend', title: '', width: 'minmax(50px, 0.9fr)', cell: (r) => (single(r.model) && trend.has(r.model) ? <Sparkline values={trend.get(r.model) ?? []} colour={colourOf(r.model) ?? meaning[scheme].output} height={18} /> : null) },
    { id: 'calls', title: t('calls'), width: '76px', align: 'right', value: (r) => r.totals.calls, cell: (r) => count(r.totals.calls) },
    { id: 'errors', title: c('errorRate'), width: '88px', align: 'right', value: errorRate, cell: (r) => (r.totals.errors === 0 ? '0%' : <Link to={callsLink({ ...scene.choice, model: [r.model] }, { status: 'error' })} size="xs" c={errorRate(r) >= 0.05 ? meaning[scheme].critical : errorRate(r) >= 0.01 ? meaning[scheme].warning : undefined}>{percent(errorRate(r))}</Link>) },
    { id: 'p95', title: t('latencyP95'), width: '92px', align: 'right', value: (r) => r.p95, cell: (r) => duration(r.p95) },
    { id: 'ttft', title: t('ttftP95'), width: '88px', align: 'right', value: (r) => r.ttft, cell: (r) => duration(r.ttft) },
    { id: 'cost', title: c('cost'), width: '116px', align: 'right', value: (r) => (unpriced(r) === r.totals.calls ? undefined : r.totals.cost_usd), cell: (r) => <CostCell totals={r.totals} unpriced={unpriced(r)} /> },
  ];
  const sorted = useUrlSorted(rows, columns, '-calls');
  return <DataTable {...sorted} rowKey={(r) => keyOf(r.provider, r.model)} label={t('panel.models')} maxHeight={height} rowHeight={28} />;
}

function CostCell({ totals, unpriced }: { totals: Totals; unpriced: number }) {
  const c = common.useT();
  if (unpriced === totals.calls) return <i className="dim">{c('unpriced')}</i>;
  const guessed = (totals.by_state?.estimated?.cost_usd ?? 0) > totals.cost_usd / 2;
  return <span title={unpriced > 0 ? `${c('callCount', { count: unpriced })} ${c('unpriced')}` : undefined}>{guessed ? '≈' : ''}{usd(totals.cost_usd)}{unpriced > 0 && <span className="dim"> *</span>}</span>;
}
