// What a million tokens costs on machines of one's own, beside those that are paid
// by token.

import { Code, Grid, Stack, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { get } from '~/api/client';
import { niceStep, range as promRange } from '~/api/prom';
import type { Group } from '~/api/types';
import { BarList } from '~/chart/BarList';
import { meaning } from '~/chart/palette';
import { TimeChart, useScheme } from '~/chart/TimeChart';
import { percent, usd } from '~/format/number';
import { common } from '~/i18n/common';
import { useTime } from '~/state/time';
import { Panel } from '~/ui/Panel';
import { Empty, States } from '~/ui/states';
import { latestByModel, paidPerMillion, totalsOverTime, type SelfHosted } from './selfhosted';
import { mergeStates } from './groups';
import { cost } from './messages';

const expr = 'sum by (model, phase) (llm_cost_per_million_tokens)';

const example = `infrastructure:
  gpu_hour_usd: 2.5
  models:
    - model: my-llama
      gpus: {host: gpu-a}`;

function Now({ list }: { list: SelfHosted[] }) {
  const t = cost.useT();
  const c = common.useT();
  const phases = [...new Set(list.flatMap((m) => Object.keys(m.phases)))];
  return (
    <Table fz="sm" verticalSpacing={4} aria-label={t('infraTitle')}>
      <Table.Thead><Table.Tr><Table.Th>{c('model')}</Table.Th>{phases.map((p) => <Table.Th key={p} ta="right">{t(`phase_${p}` as 'phase_idle')}</Table.Th>)}<Table.Th ta="right">{c('total')}</Table.Th><Table.Th ta="right">{t('idleShare')}</Table.Th></Table.Tr></Table.Thead>
      <Table.Tbody>
        {list.map((m) => (
          <Table.Tr key={m.model}>
            <Table.Td>{m.model === '' ? c('all') : m.model}</Table.Td>
            {phases.map((p) => <Table.Td key={p} ta="right" className="num">{usd(m.phases[p])}</Table.Td>)}
            <Table.Td ta="right" fw={600} className="num">{usd(m.total)}</Table.Td>
            <Table.Td ta="right" className="num">{percent(m.phases['idle'] === undefined || m.total === 0 ? undefined : m.phases['idle'] / m.total)}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

export default function Infrastructure() {
  const t = cost.useT();
  const scheme = useScheme();
  const { range, api, zoom } = useTime();
  const step = niceStep(range.seconds, 120);
  const [from, to] = [range.from / 1000, range.to / 1000];
  const query = useQuery({ queryKey: ['range', expr, from, to, step], queryFn: ({ signal }) => promRange(expr, from, to, step, signal), placeholderData: (was) => was });
  const params = { ...api, by: 'model,cost.state', limit: 1000 };
  const paid = useQuery({ queryKey: ['costs', params], queryFn: ({ signal }) => get<{ groups: Group[] }>('/costs', params, signal), placeholderData: (was) => was });
  const list = useMemo(() => latestByModel(query.data ?? []), [query.data]);
  const course = useMemo(() => totalsOverTime(query.data ?? []), [query.data]);
  const own = new Set(list.map((m) => m.model));
  const bars = [
    ...list.map((m) => ({ key: `own ${m.model}`, name: m.model, value: m.total, colour: meaning[scheme].reasoning, note: t('selfHosted') })),
    ...paidPerMillion(mergeStates(paid.data?.groups ?? [], ['model'])).filter((p) => !own.has(p.model)).map((p) => ({ key: p.model, name: p.model, value: p.usd, colour: meaning[scheme].output, note: t('paidByToken') })),
  ];
  return (
    <States query={query} height={300} empty={() => list.length === 0} emptyState={<Panel title={t('infraTitle')}><Empty title={t('noInfra')} hint={t('noInfraHint')} action={<Code block fz={12}>{example}</Code>} /></Panel>}>
      {() => (
        <Stack gap="sm">
          <Grid gap="sm">
            <Grid.Col span={{ base: 12, lg: 7 }}>
              <Stack gap="sm">
                <Panel title={`${t('infraTitle')}: ${t('now')}`} description={t('infraHelp')} promql={expr} busy={query.isFetching}><Table.ScrollContainer minWidth={480} type="native"><Now list={list} /></Table.ScrollContainer></Panel>
                <Panel title={t('infraOverTime')} promql={expr}><TimeChart times={course.times} series={course.series} unit="usd" label={t('infraOverTime')} height={220} from={from} to={to} onZoom={zoom} sync="cost" /></Panel>
              </Stack>
            </Grid.Col>
            <Grid.Col span={{ base: 12, lg: 5 }}>
              <Panel title={t('againstApis')} description={t('blendedHelp')}>
                <Text size="xs" c="dimmed" mb={6}>{t('blended')}</Text>
                <BarList bars={bars} unit="usd" label={t('againstApis')} most={16} />
              </Panel>
            </Grid.Col>
          </Grid>
        </Stack>
      )}
    </States>
  );
}
