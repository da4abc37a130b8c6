import { Alert, Badge, Button, Code, Group, List, Paper, Stack, Table, Text, Tooltip } from '@mantine/core';
import { IconCheck, IconSend, IconX } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { get, post } from '~/api/client';
import type { components } from '~/api/schema';
import type { AlertChannels } from '~/api/types';
import { count, duration } from '~/format/number';
import { useSettings } from '~/state/settings';
import { Panel } from '~/ui/Panel';
import { Empty, Failure, States } from '~/ui/states';
import { When } from '~/ui/values';
import { m } from './messages';

type Receiver = AlertChannels['receivers'][number];
type Test = components['schemas']['ReceiverTest'];

const example = `alertmanager:
  route: {receiver: oncall, group_by: [alertname, service]}
  receivers:
    - name: oncall
      webhook_configs:
        - url: http://127.0.0.1:9000/alerts`;

/** Where notifications go, and whether they arrive. */
export function Channels() {
  const t = m.useT();
  const { tick } = useSettings();
  const q = useQuery({ queryKey: ['alerts', 'channels', tick], queryFn: ({ signal }) => get<AlertChannels>('/alerts/channels', {}, signal), placeholderData: (was) => was });
  return (
    <States query={q} height={240}>
      {(d) => (
        <Stack gap="xs">
          {d.snapshot_error !== undefined && <Alert color="red" variant="light" title={t('snapshotError')}>{d.snapshot_error}</Alert>}
          {(d.warnings ?? []).length > 0 && <Alert color="orange" variant="light" title={t('warnings')}><List size="sm">{(d.warnings ?? []).map((w) => <List.Item key={w}>{w}</List.Item>)}</List></Alert>}
          {d.receivers.every((r) => r.integrations.length === 0) && (
            <Paper withBorder radius="md"><Empty title={t('noChannels')} hint={t('noChannelsHint')} action={<Stack gap={4}><Text size="xs" c="dimmed">{t('example')}</Text><Code block fz="xs">{example}</Code></Stack>} /></Paper>
          )}
          {[...d.receivers].sort((a, b) => Number(bad(b)) - Number(bad(a)) || a.name.localeCompare(b.name)).map((r) => <ReceiverPanel key={r.name} r={r} />)}
          {d.cluster !== undefined && <Text size="xs" c="dimmed">{t('cluster')}: {d.cluster.name} · {d.cluster.status} · {t('peers', { count: d.cluster.peers.length })}</Text>}
        </Stack>
      )}
    </States>
  );
}

function bad(r: Receiver): boolean {
  return r.integrations.some((i) => !i.ok);
}

function ReceiverPanel({ r }: { r: Receiver }) {
  const t = m.useT();
  const client = useQueryClient();
  const [result, setResult] = useState<Test>();
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const test = () => {
    setBusy(true);
    setError(null);
    setResult(undefined);
    post<Test>(`/alerts/test/${encodeURIComponent(r.name)}`, {}).then(setResult, setError).finally(() => {
      setBusy(false);
      void client.invalidateQueries({ queryKey: ['alerts', 'channels'] });
    });
  };
  return (
    <Panel
      title={r.name}
      actions={(
        <Group gap={6}>
          {r.routed ? <Badge size="sm" variant="light" color="green" tt="none">{t('routed')}</Badge> : <Badge size="sm" variant="light" color="gray" tt="none">{t('notRouted')}</Badge>}
          <Tooltip label={t('testHint', { name: r.name })}><Button size="compact-xs" variant="light" leftSection={<IconSend size={12} />} loading={busy} disabled={r.integrations.length === 0} aria-label={`${t('sendTest')}: ${r.name}`} onClick={test}>{t('sendTest')}</Button></Tooltip>
        </Group>
      )}
    >
      <Stack gap={6}>
        <Table.ScrollContainer minWidth={560}>
          <Table fz="xs" verticalSpacing={3} aria-label={r.name}>
            <Table.Thead><Table.Tr><Table.Th>{t('channel')}</Table.Th><Table.Th>{t('health')}</Table.Th><Table.Th ta="right">{t('sent')}</Table.Th><Table.Th ta="right">{t('failed')}</Table.Th><Table.Th>{t('lastSuccess')}</Table.Th><Table.Th>{t('lastError')}</Table.Th></Table.Tr></Table.Thead>
            <Table.Tbody>
              {r.integrations.map((i) => (
                <Table.Tr key={`${i.name}${i.index}`}>
                  <Table.Td>{i.name}{r.integrations.filter((x) => x.name === i.name).length > 1 ? ` ${i.index + 1}` : ''}</Table.Td>
                  <Table.Td>{i.last_attempt === undefined ? <Badge size="sm" variant="light" color="gray" tt="none">{t('untried')}</Badge> : i.ok ? <Badge size="sm" variant="light" color="green" tt="none">{t('ok')}</Badge> : <Badge size="sm" variant="filled" color="red" tt="none">{t('failing')}</Badge>}</Table.Td>
                  <Table.Td ta="right" className="num">{count(i.sent)}</Table.Td>
                  <Table.Td ta="right" className="num">{count(i.failed)}{i.template_errors > 0 && <Text size="xs" c="dimmed" span> · {t('templateErrors')} {count(i.template_errors)}</Text>}</Table.Td>
                  <Table.Td><When time={i.last_success} /></Table.Td>
                  <Table.Td style={{ overflowWrap: 'anywhere' }}>{i.last_error === undefined ? '' : <>{i.last_error} <Text size="xs" c="dimmed" span><When time={i.last_error_at} /></Text></>}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
        {error !== null && <Failure error={error} compact />}
        {result !== undefined && (
          <Alert role="status" color={result.ok ? 'green' : 'red'} variant="light" py={6} title={result.ok ? t('testOk') : t('testFailed')}>
            {result.results.map((x) => (
              <Group key={`${x.integration}${x.index}`} gap={6} align="flex-start" wrap="nowrap">
                {x.ok ? <IconCheck size={14} aria-hidden="true" /> : <IconX size={14} aria-hidden="true" />}
                <Text size="xs" style={{ overflowWrap: 'anywhere' }}>{x.integration} {x.index + 1}: {x.ok ? t('delivered') : x.error} · {duration(x.duration_ns / 1e9)}{x.retryable ? ` · ${t('retryable')}` : ''}</Text>
              </Group>
            ))}
          </Alert>
        )}
      </Stack>
    </Panel>
  );
}
