// Scores over time, how they are distributed, and by group.

import { Badge, Grid, SimpleGrid, Stack, Text, Tooltip } from '@mantine/core';
import { useMemo } from 'react';
import { colours } from '~/chart/palette';
import { Sparkline } from '~/chart/Sparkline';
import { TimeChart, useScheme } from '~/chart/TimeChart';
import { count, format } from '~/format/number';
import { useTime } from '~/state/time';
import { useParams } from '~/state/url';
import { DataTable, type Column } from '~/ui/DataTable';
import { Panel } from '~/ui/Panel';
import { Stat } from '~/ui/Stat';
import { States } from '~/ui/states';
import { useUrlSorted } from '~/ui/useUrlSorted';
import { groupsOf, meanSeries, timesOf, type GroupOfScores } from './cells';
import { useBuckets, useCells, useQuality, useStep, useSum, useSumBefore } from './data';
import { Distribution } from './Distribution';
import { groupingName } from './grouping';
import { quality } from './messages';
import { useRuleTotals } from './rules';
import { meanOf, pOfDifference, tenths, wilson, type Tally } from './stats';

/** Fewer than these say little. */
const few = 10;

export function Sums() {
  const t = quality.useT();
  const now = useSum();
  const before = useSumBefore().data;
  const rules = useRuleTotals();
  const s = now.data;
  const mean = s === undefined ? undefined : meanOf(s.scores);
  const interval = (share: number | undefined, n: number) => {
    const w = share === undefined ? undefined : wilson(Math.min(1, Math.max(0, share)), n);
    return w === undefined ? '' : t('intervalNote', { low: format(w.low, 'score'), high: format(w.high, 'score') });
  };
  const thumbs = s === undefined ? 0 : s.up + s.down;
  const was = before === undefined || before.all === 0 ? undefined : before;
  const judged = rules.data?.reduce((a, r) => a + r.judged, 0) ?? 0;
  const failed = rules.data?.reduce((a, r) => a + r.failed, 0) ?? 0;
  // A change that noise could have made is not shown as one.
  const changed = (a: Tally, b: Tally | undefined) => b !== undefined && pOfDifference(a, b) < 0.05;
  const unchanged = (a: Tally, b: Tally | undefined) => (b === undefined || b.n === 0 || changed(a, b) ? '' : ` · ${t('noChange', { n: count(b.n) })}`);
  const scores = s?.scores ?? { n: 0, sum: 0 };
  const up: Tally = { n: thumbs, sum: s?.up ?? 0 };
  const upBefore: Tally | undefined = was === undefined ? undefined : { n: was.up + was.down, sum: was.up };
  const worst = [...(rules.data ?? [])].sort((a, b) => b.failed - a.failed)[0];
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, lg: 4 }} spacing="sm">
      <Stat title={t('judgements')} value={s?.all} before={was?.all} unit="count" note={s === undefined ? undefined : t('scored', { n: count(s.scores.n) })} />
      <Stat title={t('meanScore')} value={mean} before={changed(scores, was?.scores) ? meanOf(was?.scores ?? scores) : undefined} unit="score" better="more" note={`${interval(mean, scores.n)}${unchanged(scores, was?.scores)}`} />
      <Stat title={t('thumbsUp')} value={meanOf(up)} before={changed(up, upBefore) ? meanOf(upBefore ?? up) : undefined} unit="ratio" better="more" note={thumbs === 0 ? undefined : `${t('ofThumbs', { up: count(up.sum), n: count(thumbs) })} · ${interval(meanOf(up), thumbs)}${unchanged(up, upBefore)}`} />
      <Stat title={t('ruleFailures')} value={judged < 1 ? undefined : failed / judged} unit="ratio" note={judged < 1 ? undefined : `${t('ofAnswers', { n: count(judged) })}${worst !== undefined && worst.failed >= 1 ? ` · ${t('worstRule', { name: worst.evaluator })}` : ''}`} />
    </SimpleGrid>
  );
}

function GroupTable({ groups, palette }: { groups: GroupOfScores[]; palette: ReadonlyMap<string, string> }) {
  const t = quality.useT();
  const { by } = useQuality();
  const columns = useMemo<Column<GroupOfScores>[]>(() => [
    { id: 'group', title: groupingName(by), width: 'minmax(110px, 1.5fr)', value: (g) => g.name, cell: (g) => <span title={g.name}><span style={{ display: 'inline-block', width: 10, height: 10, borderRadius: 2, marginRight: 8, background: palette.get(g.name) }} />{g.name}</span> },
    { id: 'mean', title: t('mean'), align: 'right', width: '58px', value: (g) => meanOf(g.scores), cell: (g) => format(meanOf(g.scores), 'score') },
    {
      id: 'interval', title: t('interval'), width: '112px', align: 'right',
      cell: (g) => {
        const mean = meanOf(g.scores);
        const w = mean === undefined ? undefined : wilson(Math.min(1, Math.max(0, mean)), g.scores.n);
        return w === undefined ? '–' : <span className="dim">{format(w.low, 'score')} – {format(w.high, 'score')}{g.scores.n < few && <Tooltip label={t('tooFewHelp')}><Badge size="xs" ml={6} variant="light" color="gray" tt="none">{t('tooFew')}</Badge></Tooltip>}</span>;
      },
    },
    { id: 'n', title: t('count'), align: 'right', width: '80px', value: (g) => g.all, cell: (g) => count(g.all) },
    { id: 'trend', title: t('trend'), width: '84px', cell: (g) => <Sparkline values={g.course} colour={palette.get(g.name) ?? '#888'} height={22} /> },
  ], [t, by, palette]);
  const { rows, ...sorting } = useUrlSorted(groups, columns, '-n', 'groups');
  return <DataTable {...sorting} rows={rows} rowKey={(g) => g.name} label={t('groupTable', { by: groupingName(by) })} rowHeight={30} maxHeight={320} />;
}

export default function Scores() {
  const t = quality.useT();
  const scheme = useScheme();
  const [, set] = useParams();
  const { range, zoom } = useTime();
  const { by, chosen, rules } = useQuality();
  const step = useStep();
  const cells = useCells();
  const buckets = useBuckets();
  const times = useMemo(() => timesOf(cells.data ?? [], step), [cells.data, step]);
  const groups = useMemo(() => groupsOf(cells.data ?? [], times, step), [cells.data, times, step]);
  const palette = useMemo(() => colours(groups.slice(0, 12).map((g) => g.name), scheme), [groups, scheme]);
  const series = useMemo(() => meanSeries(cells.data ?? [], times, step, 8, 3).map((s) => ({ ...s, colour: palette.get(s.of ?? s.name) })), [cells.data, times, step, palette]);
  const volume = useMemo(() => {
    const first = times[0] ?? 0;
    return groups.slice(0, 8).map((g) => {
      const values = new Array<number>(times.length).fill(0);
      for (const c of cells.data ?? []) if (c.group === g.name) values[Math.round((c.time - first) / step)] = c.all;
      return { name: g.name, values, colour: palette.get(g.name) };
    });
  }, [cells.data, groups, times, step, palette]);
  const failuresOnly = rules.has(chosen.filters['evaluator'] ?? '');
  return (
    <Stack gap="sm">
      <Sums />
      {failuresOnly && <Text size="xs" c="dimmed">{t('ruleFailuresOnly')}</Text>}
      <Grid gap="sm">
        <Grid.Col span={{ base: 12, lg: 7 }}>
          <Panel title={t('meanOver')} description={t('meanOverHelp')} busy={cells.isFetching}>
            <States query={cells} height={300} empty={(d) => d.length === 0}>
              {() => (
                <Stack gap={2}>
                  <TimeChart times={times} series={series} unit="score" label={t('meanOver')} height={190} min={0} max={1} from={range.from / 1000} to={range.to / 1000} onZoom={zoom} sync="quality" />
                  <Text size="xs" c="dimmed" mt={4}>{t('volume')}</Text>
                  <TimeChart times={times} series={volume} stacked unit="count" label={t('volume')} height={80} legend={false} from={range.from / 1000} to={range.to / 1000} onZoom={zoom} sync="quality" />
                </Stack>
              )}
            </States>
          </Panel>
        </Grid.Col>
        <Grid.Col span={{ base: 12, lg: 5 }}>
          <Stack gap="sm">
            <Panel title={t('distribution')} description={t('distributionHelp')} busy={buckets.isFetching}>
              <States query={buckets} height={130} empty={(d) => d.length === 0}>{(d) => <Distribution counts={tenths(d)} chosen={chosen} onChoose={(min, max) => set({ min_score: min === 0 ? null : String(min), max_score: max === 1 ? null : String(max) }, { push: true })} />}</States>
            </Panel>
            <Panel title={t('groupTable', { by: groupingName(by) })} busy={cells.isFetching}>
              <States query={cells} height={120} empty={(d) => d.length === 0}>{() => <GroupTable groups={groups} palette={palette} />}</States>
            </Panel>
          </Stack>
        </Grid.Col>
      </Grid>
    </Stack>
  );
}
