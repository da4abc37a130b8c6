import { Code, Group, Stack, Table, Text, VisuallyHidden } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { instant, promDuration } from '~/api/prom';
import { colours } from '~/chart/palette';
import { Sparkline } from '~/chart/Sparkline';
import { TimeChart, useScheme } from '~/chart/TimeChart';
import { count, percent, usd } from '~/format/number';
import { common } from '~/i18n/common';
import { useTime } from '~/state/time';
import { Link } from '~/ui/Link';
import { Panel } from '~/ui/Panel';
import { Empty, States } from '~/ui/states';
import { LevelBadge, type Level } from '~/ui/values';
import { pathWith } from '~/ui/dimensions';
import { judgesOf, type JudgeState } from './judges';
import { JudgeStatus } from './JudgeStatus';
import { quality } from './messages';
import { useRuleCourse, useRuleTotals } from './rules';
import { wilson } from './stats';
import { judgeYaml } from './snippets';

function Rules() {
  const t = quality.useT();
  const scheme = useScheme();
  const { range, zoom } = useTime();
  const totals = useRuleTotals();
  const { query: course, expr } = useRuleCourse();
  const palette = useMemo(() => colours((course.data ?? []).map((s) => s.metric['evaluator'] ?? ''), scheme), [course.data, scheme]);
  const chart = useMemo(() => {
    const all = (course.data ?? []).map((s) => ({ name: s.metric['evaluator'] ?? '', points: new Map((s.values ?? []).map(([at, v]) => [at, Number(v)])) }));
    const times = [...new Set(all.flatMap((s) => [...s.points.keys()]))].sort((a, b) => a - b);
    return { times, series: all.map((s) => ({ name: s.name, values: times.map((x) => s.points.get(x) ?? null), colour: palette.get(s.name) })) };
  }, [course.data, palette]);
  const spark = (name: string) => chart.series.find((s) => s.name === name)?.values ?? [];
  return (
    <Panel title={t('rules')} description={t('rulesHelp')} promql={expr} busy={totals.isFetching}>
      <States query={totals} height={200} empty={(d) => d.length === 0} emptyState={<Empty title={t('noRules')} />}>
        {(list) => (
          <Stack gap="sm">
            <Table.ScrollContainer minWidth={640} type="native">
              <Table fz="sm" verticalSpacing={3} aria-label={t('rules')}>
                <Table.Thead><Table.Tr><Table.Th>{t('evaluator')}</Table.Th><Table.Th ta="right">{t('judged')}</Table.Th><Table.Th ta="right">{t('failed')}</Table.Th><Table.Th ta="right">{t('failShare')}</Table.Th><Table.Th ta="right">{t('interval')}</Table.Th><Table.Th w={150}>{t('course')}</Table.Th><Table.Th><VisuallyHidden>{t('showFailures')}</VisuallyHidden></Table.Th></Table.Tr></Table.Thead>
                <Table.Tbody>
                  {list.map((r) => {
                    const w = wilson(r.share, r.judged);
                    return (
                      <Table.Tr key={r.evaluator}>
                        <Table.Td><span style={{ display: 'inline-block', width: 10, height: 10, borderRadius: 2, marginRight: 8, background: palette.get(r.evaluator) }} />{r.evaluator}</Table.Td>
                        <Table.Td ta="right" className="num">{count(r.judged)}</Table.Td>
                        <Table.Td ta="right" className="num">{count(r.failed)}</Table.Td>
                        <Table.Td ta="right" className="num" fw={600}>{percent(r.share)}</Table.Td>
                        <Table.Td ta="right" className="num" c="dimmed">{w === undefined ? '–' : `${percent(w.low)} – ${percent(w.high)}`}</Table.Td>
                        <Table.Td><Sparkline values={spark(r.evaluator)} colour={palette.get(r.evaluator) ?? '#888'} height={20} /></Table.Td>
                        <Table.Td ta="right">{r.failed > 0 && <Link to={pathWith('/quality', { evaluator: r.evaluator })} size="xs">{t('showFailures')}</Link>}</Table.Td>
                      </Table.Tr>
                    );
                  })}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
            <TimeChart times={chart.times} series={chart.series} unit="ratio" label={t('ruleShare')} height={180} from={range.from / 1000} to={range.to / 1000} onZoom={zoom} sync="quality" />
          </Stack>
        )}
      </States>
    </Panel>
  );
}

const levels: Record<JudgeState, Level> = { ok: 'ok', failing: 'critical', paused: 'warning', idle: 'muted' };

function Judges() {
  const t = quality.useT();
  const c = common.useT();
  const { range } = useTime();
  const at = range.to / 1000;
  const w = promDuration(Math.max(60, Math.round(range.seconds)));
  const query = useQuery({
    queryKey: ['judges', at, w],
    queryFn: async ({ signal }) => {
      const [runs, recent, costs, queue, dropped] = await Promise.all([
        instant(`sum by (judge, result) (increase(pitot_quality_judge_runs_total[${w}]))`, at, signal),
        instant('sum by (judge, result) (increase(pitot_quality_judge_runs_total[10m]))', at, signal),
        instant(`sum by (judge) (increase(pitot_quality_judge_cost_usd_total[${w}]))`, at, signal),
        instant('sum(pitot_quality_queue_length)', at, signal),
        instant(`sum by (reason) (increase(pitot_quality_dropped_total[${w}])) > 0.5`, at, signal),
      ]);
      return { judges: judgesOf(runs, recent, costs), queue: queue[0]?.value === undefined ? undefined : Number(queue[0].value[1]), dropped: dropped.map((s) => ({ reason: s.metric['reason'] ?? '', n: Number(s.value?.[1] ?? 0) })) };
    },
    placeholderData: (was) => was,
  });
  return (
    <Panel title={t('judges')} description={t('judgesHelp')} busy={query.isFetching}>
      <States query={query} height={120}>
        {(d) => (
          <Stack gap="xs">
            {d.judges.length === 0 ? <Empty title={t('noJudges')} hint={t('noJudgesHint')} action={<Code block fz={12}>{judgeYaml}</Code>} /> : (
              <Table.ScrollContainer minWidth={560} type="native">
                <Table fz="sm" verticalSpacing={3} aria-label={t('judges')}>
                  <Table.Thead><Table.Tr><Table.Th>{c('name')}</Table.Th><Table.Th>{c('state')}</Table.Th><Table.Th ta="right">{t('runsOk')}</Table.Th><Table.Th ta="right">{t('runsFailed')}</Table.Th><Table.Th ta="right">{t('runsPaused')}</Table.Th><Table.Th ta="right">{t('judgeCost')}</Table.Th></Table.Tr></Table.Thead>
                  <Table.Tbody>
                    {d.judges.map((j) => (
                      <Table.Tr key={j.name}>
                        <Table.Td><Link to={pathWith('/quality', { evaluator: j.name })} size="sm">{j.name}</Link></Table.Td>
                        <Table.Td><LevelBadge level={levels[j.state]}>{t(`judge_${j.state}`)}</LevelBadge></Table.Td>
                        <Table.Td ta="right" className="num">{count(j.ok)}</Table.Td>
                        <Table.Td ta="right" className="num">{count(j.failed)}</Table.Td>
                        <Table.Td ta="right" className="num">{count(j.paused)}</Table.Td>
                        <Table.Td ta="right" className="num">{usd(j.cost)}</Table.Td>
                      </Table.Tr>
                    ))}
                  </Table.Tbody>
                </Table>
              </Table.ScrollContainer>
            )}
            <Group gap="xs"><Text size="xs" c="dimmed">{t('queue', { n: count(d.queue) })} · {d.dropped.length === 0 ? t('nothingDropped') : t('dropped', { n: count(d.dropped.reduce((a, x) => a + x.n, 0)), reasons: d.dropped.map((x) => x.reason).join(', ') })}</Text></Group>
          </Stack>
        )}
      </States>
    </Panel>
  );
}

export default function Evaluators() {
  return <Stack gap="sm"><Rules /><Judges /><JudgeStatus /></Stack>;
}
