import { Button, Code, Table, Text, Tooltip, VisuallyHidden } from '@mantine/core';
import { notify } from '~/ui/notify';
import { IconPlayerPlay } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { get, request, base } from '~/api/client';
import type { ProbesReport, ProbeStatus } from '~/api/types';
import { count, duration, percent, usd } from '~/format/number';
import { common } from '~/i18n/common';
import { useSettings } from '~/state/settings';
import { curl } from '~/ui/Copy';
import { Link } from '~/ui/Link';
import { Panel } from '~/ui/Panel';
import { Empty, States } from '~/ui/states';
import { LevelBadge, When, type Level } from '~/ui/values';
import { quality } from './messages';
import { probeYaml } from './snippets';

const levels: Record<ProbeStatus['state'], Level> = { ok: 'ok', waiting: 'muted', wrong: 'critical', failed: 'critical', paused: 'warning' };

function RunNow({ name }: { name: string }) {
  const t = quality.useT();
  const client = useQueryClient();
  const run = useMutation({
    mutationFn: async () => (await (await request(`${base}/probes/${encodeURIComponent(name)}`, { method: 'POST' })).json()) as ProbeStatus,
    onSuccess: (p) => {
      notify({ message: t('ran', { name, state: t(`probe_${p.state}`) }), color: p.state === 'ok' ? 'green' : 'red' });
      void client.invalidateQueries({ queryKey: ['probes'] });
    },
    onError: (e) => notify({ message: `${name}: ${e.message}`, color: 'red' }),
  });
  return <Button size="compact-xs" variant="default" leftSection={<IconPlayerPlay size={12} />} loading={run.isPending} onClick={() => run.mutate()} aria-label={`${t('runNow')}: ${name}`}>{t('runNow')}</Button>;
}

export default function Probes() {
  const t = quality.useT();
  const c = common.useT();
  const { tick } = useSettings();
  const query = useQuery({ queryKey: ['probes', Math.floor(tick / 5000)], queryFn: ({ signal }) => get<ProbesReport>('/probes', undefined, signal), placeholderData: (was) => was });
  return (
    <Panel title={t('probesTitle')} description={t('probesHelp')} busy={query.isFetching} curl={curl('/probes')}>
      <States query={query} height={160} empty={(d) => d.probes.length === 0} emptyState={<Empty title={t('noProbes')} hint={t('noProbesHint')} action={<Code block fz={12}>{probeYaml}</Code>} />}>
        {(d) => (
          <Table.ScrollContainer minWidth={860} type="native">
            <Table fz="sm" verticalSpacing={4} aria-label={t('probesTitle')}>
              <Table.Thead><Table.Tr><Table.Th>{c('name')}</Table.Th><Table.Th>{c('state')}</Table.Th><Table.Th>{t('probeModel')}</Table.Th><Table.Th>{t('lastAnswer')}</Table.Th><Table.Th ta="right">{t('duration')}</Table.Th><Table.Th ta="right">{c('ttft')}</Table.Th><Table.Th ta="right">{c('tpot')}</Table.Th><Table.Th ta="right">{t('spentToday')}</Table.Th><Table.Th>{t('counts')}</Table.Th><Table.Th><VisuallyHidden>{t('runNow')}</VisuallyHidden></Table.Th></Table.Tr></Table.Thead>
              <Table.Tbody>
                {d.probes.map((p) => (
                  <Table.Tr key={p.name}>
                    <Table.Td fw={500}>{p.name}</Table.Td>
                    <Table.Td><LevelBadge level={levels[p.state]}>{t(`probe_${p.state}`)}</LevelBadge>{p.detail !== undefined && <Text size="xs" c="dimmed" maw={260}>{p.detail}</Text>}</Table.Td>
                    <Table.Td>{p.model}<Text size="xs" c="dimmed">{t('through', { upstream: p.upstream })}</Text></Table.Td>
                    <Table.Td>{p.call_id === undefined ? <When time={p.last} /> : <Link to={`/calls?call=${encodeURIComponent(p.call_id)}`} size="sm"><When time={p.last} /></Link>}{p.http_status !== undefined && p.http_status !== 200 && <Text size="xs" c="dimmed">HTTP {p.http_status}</Text>}</Table.Td>
                    <Table.Td ta="right" className="num">{duration(p.duration_seconds)}</Table.Td>
                    <Table.Td ta="right" className="num">{duration(p.ttft_seconds)}</Table.Td>
                    <Table.Td ta="right" className="num">{duration(p.tpot_seconds)}</Table.Td>
                    <Table.Td ta="right" className="num"><Tooltip label={percent(p.cap_usd > 0 ? p.spent_today_usd / p.cap_usd : undefined)}><span>{t('ofCap', { spent: usd(p.spent_today_usd), cap: usd(p.cap_usd) })}</span></Tooltip>{p.unpriced_calls_today !== undefined && p.unpriced_calls_today > 0 && <Text size="xs" c="dimmed">{t('unpricedToday', { n: count(p.unpriced_calls_today) })}</Text>}</Table.Td>
                    <Table.Td><Text size="xs" c="dimmed">{Object.entries(p.counts).map(([s, n]) => `${t(`probe_${s}` as 'probe_ok')} ${count(n)}`).join(' · ') || '–'}</Text></Table.Td>
                    <Table.Td><RunNow name={p.name} /></Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
      </States>
    </Panel>
  );
}
