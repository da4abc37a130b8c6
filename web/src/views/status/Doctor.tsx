import { Alert, Button, Group, Stack, Table, Text } from '@mantine/core';
import { IconCircleCheck } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useSearch } from 'wouter';
import { get } from '~/api/client';
import { count } from '~/format/number';
import { useLanguage } from '~/i18n';
import { useTime } from '~/state/time';
import { curl } from '~/ui/Copy';
import { Panel } from '~/ui/Panel';
import { States } from '~/ui/states';
import { LevelBadge, When } from '~/ui/values';
import { status } from './messages';

interface Text2 {
  en: string;
  zh: string;
}

interface Cause {
  code: string;
  severity: 'error' | 'warning' | 'info';
  message: Text2;
  action: Text2;
  evidence?: { name: string; value: string }[];
  start?: string;
  end?: string;
}

interface DoctorReport {
  healthy: boolean;
  matching: number;
  stored_calls?: number;
  first_call?: string;
  last_call?: string;
  causes: Cause[];
}

const level = { error: 'critical', warning: 'warning', info: 'muted' } as const;
/** Filters that an empty page hands over. */
const filters = ['query', 'search', 'service', 'environment', 'provider', 'model', 'operation', 'status', 'user', 'session', 'feature', 'agent', 'error_type', 'source', 'prompt_name'];

export default function Doctor() {
  const t = status.useT();
  const language = useLanguage();
  const { api, set } = useTime();
  const search = new URLSearchParams(useSearch());
  const params: Record<string, string> = { ...api };
  for (const f of filters) {
    const v = search.get(f);
    if (v !== null && v !== '') params[f] = v;
  }
  const q = useQuery({ queryKey: ['doctor', params], queryFn: ({ signal }) => get<DoctorReport>('/doctor', params, signal), placeholderData: (was) => was });
  return (
    <Panel title={t('doctor')} curl={curl('/doctor', params)} actions={<Button size="compact-xs" variant="default" loading={q.isFetching} onClick={() => void q.refetch()}>{t('check')}</Button>}>
      <Text size="sm" c="dimmed" mb="sm">{t('doctorIntro')}</Text>
      <States query={q} height={160}>
        {(d) => (
          <Stack gap="sm">
            <Text size="sm" component="div">{t('matching', { count: d.matching, n: count(d.matching) })}{d.stored_calls !== undefined && <> · {t('storedCalls')}: {count(d.stored_calls)}</>}{d.first_call !== undefined && <> · {t('firstCall')}: <When time={d.first_call} /></>}{d.last_call !== undefined && <> · {t('lastCall')}: <When time={d.last_call} /></>}</Text>
            {d.causes.length === 0 && <Alert color="green" variant="light" icon={<IconCircleCheck size={16} />}>{t('healthy')}</Alert>}
            {d.causes.map((x) => (
              <Alert key={x.code} color={x.severity === 'error' ? 'red' : x.severity === 'warning' ? 'orange' : 'gray'} variant="light">
                <Stack gap={4}>
                  <Group gap={6}><LevelBadge level={level[x.severity]}>{t(x.severity)}</LevelBadge><Text size="sm" fw={600}>{x.message[language]}</Text></Group>
                  <Text size="sm">{x.action[language]}</Text>
                  {x.start !== undefined && <Button size="compact-xs" variant="light" w="fit-content" onClick={() => set(x.start ?? '', x.end ?? 'now')}>{t('showRange')}</Button>}
                  {(x.evidence ?? []).length > 0 && (
                    <Table fz="xs" verticalSpacing={2} withRowBorders={false}>
                      <Table.Caption>{t('evidence')}: {x.code}</Table.Caption>
                      <Table.Tbody>{x.evidence?.map((e) => <Table.Tr key={e.name}><Table.Td w={180} c="dimmed">{e.name}</Table.Td><Table.Td className="mono" style={{ overflowWrap: 'anywhere' }}>{e.value}</Table.Td></Table.Tr>)}</Table.Tbody>
                    </Table>
                  )}
                </Stack>
              </Alert>
            ))}
          </Stack>
        )}
      </States>
    </Panel>
  );
}
