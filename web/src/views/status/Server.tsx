import { Alert, Group, SimpleGrid, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { get } from '~/api/client';
import type { Status } from '~/api/types';
import { duration } from '~/format/number';
import { useSettings } from '~/state/settings';
import { CopyButton } from '~/ui/Copy';
import { DataTable, type Column } from '~/ui/DataTable';
import { Panel } from '~/ui/Panel';
import { States } from '~/ui/states';
import { LevelBadge, When } from '~/ui/values';
import { status } from './messages';

type Component = Status['components'][number];

const level = { ok: 'ok', degraded: 'warning', down: 'critical' } as const;

export default function Server() {
  const t = status.useT();
  const { tick } = useSettings();
  const q = useQuery({ queryKey: ['status', tick], queryFn: ({ signal }) => get<Status>('/status', {}, signal), placeholderData: (was) => was });
  const columns: Column<Component>[] = [
    { id: 'name', title: t('component'), width: '170px', cell: (c) => c.name },
    { id: 'state', title: t('health'), width: '130px', cell: (c) => <LevelBadge level={level[c.state]}>{t(c.state)}</LevelBadge> },
    { id: 'detail', title: t('detail'), width: 'minmax(300px, 1fr)', cell: (c) => <span title={`${c.detail ?? ''} ${c.hint ?? ''}`}>{c.detail}{c.hint !== undefined && <Text span size="xs" c="dimmed"> – {c.hint}</Text>}</span> },
  ];
  return (
    <States query={q} height={320}>
      {(s) => (
        <>
          {s.last_reload_error !== undefined && <Alert color="red" title={t('reloadFailed')}>{s.last_reload_error}</Alert>}
          <SimpleGrid cols={{ base: 1, sm: 2, lg: 4 }} spacing="sm">
            <Panel title={t('health')}><LevelBadge level={level[s.state]}>{t(s.state)}</LevelBadge></Panel>
            <Panel title={t('version')}><Text size="sm" className="mono">{s.version}</Text></Panel>
            <Panel title={t('started')}><Text size="sm" component="div"><When time={s.started} /> · {t('uptime')} {duration((tick - Date.parse(s.started)) / 1000)}</Text></Panel>
            <Panel title={t('dataDir')}><Group gap={4} wrap="nowrap"><Text size="sm" className="mono" truncate>{s.data_dir}</Text><CopyButton text={s.data_dir} /></Group></Panel>
          </SimpleGrid>
          <Panel title={t('health')}>
            <DataTable label={t('health')} columns={columns} rows={s.components} rowKey={(c) => c.name} rowTone={(c) => (c.state === 'down' ? 'critical' : c.state === 'degraded' ? 'warning' : undefined)} />
          </Panel>
          <Panel title={t('listeners')}>
            <SimpleGrid cols={{ base: 1, xs: 2, md: 5 }} spacing="xs">
              {Object.entries(s.listeners ?? {}).map(([name, address]) => (
                <div key={name}>
                  <Text size="xs" c="dimmed">{name}</Text>
                  <Group gap={4} wrap="nowrap"><Text size="sm" className="mono">{address}</Text><CopyButton text={address} /></Group>
                </div>
              ))}
            </SimpleGrid>
          </Panel>
        </>
      )}
    </States>
  );
}
