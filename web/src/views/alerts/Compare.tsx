import { Button, Group, Stack, Text } from '@mantine/core';
import { IconGitCompare } from '@tabler/icons-react';
import { lazy, Suspense, useState } from 'react';
import { useSettings } from '~/state/settings';
import { Loading } from '~/ui/states';
import type { AlertItem } from './alerts';
import { explainParams } from './explain';
import { m } from './messages';

const Explanation = lazy(() => import('~/content/Explanation').then((x) => ({ default: x.Explanation })));

/** Asks the server what changed in the calls of the alert, from before it began. */
export function Compare({ alert }: { alert: AlertItem }) {
  const t = m.useT();
  const { zoneName } = useSettings();
  const [params, setParams] = useState<Record<string, string>>();
  const possible = explainParams(alert, Date.now());
  if (possible === undefined) return alert.annotations.explanation !== undefined ? null : <Text size="xs" c="dimmed" mt={4}>{t('notAboutCalls')}</Text>;
  return (
    <Stack gap={6} mt={6}>
      <Group><Button size="compact-xs" variant="light" leftSection={<IconGitCompare size={13} />} aria-expanded={params !== undefined} onClick={() => setParams(params === undefined ? explainParams(alert, Date.now()) : undefined)}>{params === undefined ? t('explainNow') : t('explainAgain')}</Button></Group>
      {params !== undefined && <Suspense fallback={<Loading height={120} />}><Explanation params={{ ...params, time_zone: zoneName }} /></Suspense>}
    </Stack>
  );
}
