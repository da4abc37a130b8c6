// How good the answers are: what people, judges and rules say of them.

import { Button, Group, Select, Stack, Tabs, Title } from '@mantine/core';
import { IconGavel } from '@tabler/icons-react';
import { lazy, Suspense } from 'react';
import { useJudged } from '~/api/judgements';
import { common } from '~/i18n/common';
import { useTime } from '~/state/time';
import { useParam, useParams } from '~/state/url';
import { Loading } from '~/ui/states';
import { groupings } from './filter';
import { Filters } from './Filters';
import { groupingName } from './grouping';
import { Judge } from './Judge';
import { quality } from './messages';
import { NoJudgements } from './NoJudgements';
import Scores, { Sums } from './Scores';
import { Worst } from './Worst';

const Comparison = lazy(() => import('./Comparison'));
const Evaluators = lazy(() => import('./Evaluators'));
const Probes = lazy(() => import('./Probes'));

const tabs = ['scores', 'compare', 'evaluators', 'probes'] as const;
type Tab = (typeof tabs)[number];

function Content({ tab }: { tab: Tab }) {
  const { api } = useTime();
  const { list, settled } = useJudged(api);
  const [params] = useParams();
  if (tab === 'compare') return <Comparison />;
  if (tab === 'evaluators') return <Evaluators />;
  if (tab === 'probes') return <Probes />;
  if (settled && list.length === 0) return <><Sums /><NoJudgements /></>;
  // Where rules alone judged there are no means, but there is what failed.
  if (settled && params.get('evaluator') === null && list.every((j) => j.rule)) return <><Sums /><NoJudgements /><Worst everyone /></>;
  return <><Scores /><Worst /></>;
}

export default function View() {
  const t = quality.useT();
  const c = common.useT();
  const [, set] = useParams();
  const [wanted] = useParam('tab', 'scores');
  const [by] = useParam('by', 'name');
  const tab: Tab = (tabs as readonly string[]).includes(wanted) ? (wanted as Tab) : 'scores';
  const name: Record<Tab, string> = { scores: t('scores'), compare: t('compare'), evaluators: t('evaluators'), probes: t('probes') };
  return (
    <Stack gap="sm">
      <Group justify="space-between">
        <Title order={1} fz="lg">{c('quality')}</Title>
        <Group gap="xs">
          {tab === 'scores' && <Select size="xs" w={180} aria-label={t('groupBy')} data={[...new Set([...groupings, by])].map((g) => ({ value: g, label: groupingName(g) }))} value={by} onChange={(v) => set({ by: v === 'name' ? null : v }, { push: true })} allowDeselect={false} />}
          <Button size="xs" variant="default" leftSection={<IconGavel size={14} />} onClick={() => set({ judge: 'new' })}>{t('judgeCall')}</Button>
        </Group>
      </Group>
      <Tabs value={tab} onChange={(v) => set({ tab: v === 'scores' ? null : v, order: null }, { push: true })} keepMounted={false} activateTabWithKeyboard={false}>
        <Tabs.List aria-label={t('tabs')} style={{ flexWrap: 'nowrap', overflowX: 'auto', overflowY: 'hidden' }}>
          {tabs.map((each) => <Tabs.Tab key={each} value={each} py={6} style={{ whiteSpace: 'nowrap' }}>{name[each]}</Tabs.Tab>)}
        </Tabs.List>
        <Tabs.Panel value={tab} pt="sm">
          <Stack gap="sm">
            {tab !== 'probes' && <Filters kind={tab === 'compare' ? 'name' : tab === 'evaluators' ? 'calls' : 'all'} />}
            <Suspense fallback={<Loading height={300} />}><Content tab={tab} /></Suspense>
          </Stack>
        </Tabs.Panel>
      </Tabs>
      <Judge />
    </Stack>
  );
}
