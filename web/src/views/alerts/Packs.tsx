import { Alert, Badge, Group, List, Paper, SimpleGrid, Stack, Table, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { get } from '~/api/client';
import type { RuleFiles } from '~/api/types';
import { count } from '~/format/number';
import { useLanguage } from '~/i18n';
import { useSettings } from '~/state/settings';
import { Panel } from '~/ui/Panel';
import { States } from '~/ui/states';
import { When } from '~/ui/values';
import { m } from './messages';

/** Which packs and files are in force, with their thresholds, and what is wrong with others. */
export default function Packs() {
  const t = m.useT();
  const { tick } = useSettings();
  const q = useQuery({ queryKey: ['alerts', 'packs', tick], queryFn: ({ signal }) => get<RuleFiles>('/rules', {}, signal), placeholderData: (was) => was });
  return (
    <States query={q} height={300}>
      {(d) => (
        <Stack gap="xs">
          <Problems d={d} />
          <Text size="xs" c="dimmed">{t('configure')}</Text>
          <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="xs">{d.packs.map((p) => <Pack key={p.name} p={p} />)}</SimpleGrid>
          <Files d={d} />
        </Stack>
      )}
    </States>
  );
}

function Problems({ d }: { d: RuleFiles }) {
  const t = m.useT();
  const list = d.problems ?? [];
  return (
    <>
      {list.length === 0 && <Text size="sm">{t('noProblems')}</Text>}
      {list.length > 0 && (
        <Alert color={list.some((p) => !p.warning) ? 'red' : 'orange'} variant="light" icon={<IconAlertTriangle size={16} />} title={t('problems')}>
          <List size="sm">
            {list.map((p) => (
              <List.Item key={`${p.file}:${p.line}:${p.reason}`}>
                <span className="mono">{p.file}{p.line === undefined ? '' : `:${p.line}`}</span> {p.reason} {p.warning && <Badge size="xs" color="orange" variant="light" tt="none">{t('warningProblem')}</Badge>} {p.kept && <Text span size="xs" c="dimmed">{t('kept')}</Text>}
              </List.Item>
            ))}
          </List>
        </Alert>
      )}
      {d.kubernetes !== undefined && (
        <Text size="sm">{t('kubernetes')}: {d.kubernetes.synced ? t('synced', { count: d.kubernetes.resources }) : t('notSynced')} {d.kubernetes.error}</Text>
      )}
    </>
  );
}

function Pack({ p }: { p: RuleFiles['packs'][number] }) {
  const t = m.useT();
  const language = useLanguage();
  const doc = (x: { doc: string; doc_zh: string }) => (language === 'zh' ? x.doc_zh : x.doc);
  return (
    <Paper withBorder radius="md" p="sm" component="section" aria-label={p.name}>
      <Group gap={6}>
        <Text fw={600} size="sm" className="mono">{p.name}</Text>
        <Badge size="xs" variant="light" tt="none" color={p.enabled ? 'green' : 'gray'}>{p.enabled ? t('enabled') : t('disabled')}</Badge>
        <Text size="xs" c="dimmed">{doc(p)}</Text>
      </Group>
      {(p.alerts ?? []).length > 0 && <Text size="xs" mt={2} style={{ overflowWrap: 'anywhere' }}>{t('packAlerts', { list: (p.alerts ?? []).join(', ') })}</Text>}
      {(p.thresholds ?? []).length > 0 && (
        <Table fz="xs" verticalSpacing={2} horizontalSpacing={4} mt={4} aria-label={`${p.name}: ${t('thresholds')}`}>
          <Table.Tbody>
            {(p.thresholds ?? []).map((x) => (
              <Table.Tr key={x.name}>
                <Table.Td className="mono" style={{ whiteSpace: 'nowrap' }}>{x.name}</Table.Td>
                <Table.Td fw={600} className="num" style={{ whiteSpace: 'nowrap' }}>{x.value}{x.value !== x.default && <Text size="xs" c="dimmed" span> ({t('changedFrom', { value: x.default })})</Text>}</Table.Td>
                <Table.Td c="dimmed">{doc(x)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </Paper>
  );
}

function Files({ d }: { d: RuleFiles }) {
  const t = m.useT();
  const sources: Record<string, string> = { pack: t('sourcePack'), file: t('sourceFile'), directory: t('sourceDirectory'), kubernetes: t('sourceKubernetes'), extra: t('sourceExtra') };
  return (
    <Panel title={t('filesTable')} badge={String(d.files.length)}>
      <Table.ScrollContainer minWidth={420}>
        <Table fz="xs" verticalSpacing={3} aria-label={t('filesTable')}>
          <Table.Thead><Table.Tr><Table.Th>{t('file')}</Table.Th><Table.Th>{t('source')}</Table.Th><Table.Th ta="right">{t('groups')}</Table.Th><Table.Th ta="right">{t('alertsColumn')}</Table.Th><Table.Th ta="right">{t('recordsColumn')}</Table.Th></Table.Tr></Table.Thead>
          <Table.Tbody>
            {d.files.map((f) => (
              <Table.Tr key={f.name}>
                <Table.Td className="mono">{f.name} {f.kept && <Badge size="xs" color="orange" variant="light" tt="none">{t('kept')}</Badge>}</Table.Td>
                <Table.Td>{sources[f.source] ?? f.source}</Table.Td>
                <Table.Td ta="right" className="num">{count(f.groups)}</Table.Td><Table.Td ta="right" className="num">{count(f.alerts)}</Table.Td><Table.Td ta="right" className="num">{count(f.records)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {d.loaded !== undefined && <Text size="xs" c="dimmed"><When time={d.loaded} /></Text>}
    </Panel>
  );
}
