// What it cost, by whatever it can be split by, and further down.

import { Grid, Group, SegmentedControl, Select, Stack, Text } from '@mantine/core';
import { useMemo } from 'react';
import { BarList } from '~/chart/BarList';
import { colours, meaning } from '~/chart/palette';
import { TimeChart, useScheme } from '~/chart/TimeChart';
import { Treemap } from '~/chart/Treemap';
import { count, percent, usd } from '~/format/number';
import { common } from '~/i18n/common';
import { useTime } from '~/state/time';
import { useParam, useParams } from '~/state/url';
import { curl } from '~/ui/Copy';
import { Panel } from '~/ui/Panel';
import { Empty, States } from '~/ui/states';
import { dimensionTexts } from '~/ui/dimensionMessages';
import { dimensionName } from '~/ui/dimensions';
import { groupLimit, splits, useGroups, useGroupTrend, useScope, useTagNames, useTrend } from './data';
import { nextBy, writeStep } from './drill';
import { Forecast } from './Forecast';
import { costOf, costRow, groupTrend, mergeStates, timelineTrend, type CostRow, type TrendOf } from './groups';
import { GroupsTable } from './GroupsTable';
import { cost } from './messages';
import { Totals } from './Totals';

export function SplitSelect() {
  const t = cost.useT();
  const [, set] = useParams();
  const { by } = useScope();
  const tags = useTagNames();
  const all = [...new Set([...splits, ...tags, by])];
  return <Select size="xs" w={180} aria-label={t('splitBy')} data={all.map((d) => ({ value: d, label: dimensionName(d) }))} value={by} onChange={(v) => set({ by: v === 'model' ? null : v }, { push: true })} allowDeselect={false} searchable maxDropdownHeight={420} leftSectionWidth={0} />;
}

function useDrill(): (row: CostRow) => void {
  const [, set] = useParams();
  const { by, steps, own } = useScope();
  return (row) => {
    const next = [...steps, { by, values: row.values }];
    set({ drill: next.map(writeStep), by: nextBy(next, own) }, { push: true });
  };
}

type Palette = ReadonlyMap<string, string>;

/** One colour a group on the whole page: the largest have one of their own, the others are grey. */
function usePalette(rows: CostRow[]): Palette {
  const scheme = useScheme();
  return useMemo(() => colours([...rows.filter((r) => r.totals.cost_usd > 0).slice(0, 11).map((r) => r.name), '__other__'], scheme), [rows, scheme]);
}

function Shares({ rows, palette, onDrill }: { rows: CostRow[]; palette: Palette; onDrill: (row: CostRow) => void }) {
  const t = cost.useT();
  const scheme = useScheme();
  const { by } = useScope();
  const [view, setView] = useParam('view', 'treemap');
  const grey = meaning[scheme].muted;
  const top = rows.filter((r) => r.totals.cost_usd > 0).slice(0, 30);
  return (
    <Panel title={t('shares', { by: dimensionName(by) })} actions={<SegmentedControl size="xs" aria-label={t('view')} data={[{ value: 'treemap', label: t('treemap') }, { value: 'bars', label: t('bars') }]} value={view} onChange={(v) => setView(v)} />}>
      {top.length === 0 ? <Empty title={t('allUnpriced')} /> : view === 'bars'
        ? <BarList label={t('shares', { by: dimensionName(by) })} unit="usd" bars={top.map((r) => ({ key: r.key, name: r.name, value: costOf(r.totals), colour: palette.get(r.name) ?? grey, note: percent(r.share) }))} most={10} />
        : <Treemap height={264} label={t('shares', { by: dimensionName(by) })} items={top.map((r) => ({ key: r.key, name: r.name, value: r.totals.cost_usd, colour: palette.get(r.name) ?? grey, text: `${r.estimated ? '≈' : ''}${usd(r.totals.cost_usd)} · ${percent(r.share)}` }))} onOpen={(key) => { const row = rows.find((r) => r.key === key); if (row) onDrill(row); }} />}
    </Panel>
  );
}

function Trend({ palette }: { palette: Palette }) {
  const t = cost.useT();
  const c = common.useT();
  const d = dimensionTexts.useT();
  const { range, zoom, api } = useTime();
  const { by, dims, filters } = useScope();
  const [of, setOf] = useParam('trend', 'cost_usd');
  const what = of as TrendOf;
  const timeline = useTrend(true);
  const groups = useGroupTrend();
  const query = dims.length === 1 ? timeline : groups.query;
  const data = useMemo(() => (dims.length === 1
    ? (timeline.data === undefined ? { times: [], series: [] } : timelineTrend(timeline.data, what, d('none')))
    : groupTrend(groups.query.data?.groups ?? [], dims, what, groups.step)), [timeline.data, groups.query.data, groups.step, what, dims.length, d]); // eslint-disable-line react-hooks/exhaustive-deps
  const series = useMemo(() => data.series.map((s) => ({ ...s, colour: palette.get(s.name), label: s.name === '__other__' ? c('other') : s.name })), [data, palette, c]);
  const title = t('trend', { by: dimensionName(by) });
  return (
    <Panel title={title} busy={query.isFetching} curl={curl('/timeline', { ...filters, ...api, by })} actions={<SegmentedControl size="xs" aria-label={t('trendOf')} data={[{ value: 'cost_usd', label: t('cost') }, { value: 'tokens', label: t('tokens') }, { value: 'calls', label: t('calls') }]} value={of} onChange={(v) => setOf(v)} />}>
      <States<unknown> query={query} height={264} empty={() => data.series.length === 0}>
        {() => <TimeChart times={data.times} series={series} stacked unit={what === 'cost_usd' ? 'usd' : what === 'tokens' ? 'tokens' : 'count'} label={title} height={230} from={range.from / 1000} to={range.to / 1000} onZoom={zoom} sync="cost" />}
      </States>
    </Panel>
  );
}

export default function Breakdown() {
  const t = cost.useT();
  const { by, dims, filters } = useScope();
  const { api } = useTime();
  const query = useGroups();
  const drill = useDrill();
  const groups = query.data?.groups;
  const rows = useMemo(() => {
    const merged = mergeStates(groups ?? [], dims);
    const total = merged.reduce((a, g) => a + g.totals.cost_usd, 0);
    return merged.map((g) => costRow(g, dims, total)).sort((a, b) => b.totals.cost_usd - a.totals.cost_usd);
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [groups, by]);
  const palette = usePalette(rows);
  const unpriced = rows.reduce((a, r) => a + r.unpriced, 0);
  return (
    <Stack gap="sm">
      <Totals />
      <Grid gap="sm">
        <Grid.Col span={{ base: 12, lg: 7 }}><Trend palette={palette} /></Grid.Col>
        <Grid.Col span={{ base: 12, lg: 5 }}>
          <States query={query} height={300} empty={(d) => d.groups.length === 0}>{() => <Shares rows={rows} palette={palette} onDrill={drill} />}</States>
        </Grid.Col>
      </Grid>
      <Panel title={t('groupsTable', { by: dimensionName(by) })} busy={query.isFetching} curl={curl('/costs', { ...filters, ...api, by })} actions={unpriced > 0 ? <Text size="xs" c="dimmed">{t('sumNote', { unpriced: count(unpriced) })}</Text> : undefined}>
        <States query={query} height={220} empty={(d) => d.groups.length === 0} emptyState={<Empty title={t('noCalls')} />}>
          {() => (
            <>
              <GroupsTable rows={rows} palette={palette} onDrill={drill} />
              {rows.length >= groupLimit && <Group mt={4}><Text size="xs" c="dimmed">{t('capped', { n: count(groupLimit) })}</Text></Group>}
            </>
          )}
        </States>
      </Panel>
      <Forecast />
    </Stack>
  );
}
