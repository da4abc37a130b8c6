import { Group, Stack, Tabs, Title } from '@mantine/core';
import { lazy, Suspense } from 'react';
import { useLocation, useParams as useRouteParams } from 'wouter';
import { common } from '~/i18n/common';
import { CallFilters } from '~/ui/CallFilters';
import { Loading } from '~/ui/states';
import Breakdown, { SplitSelect } from './Breakdown';
import { Crumbs } from './Crumbs';
import { Export } from './Export';
import { cost } from './messages';

const Cache = lazy(() => import('./Cache'));
const Unpriced = lazy(() => import('./Unpriced'));
const Prices = lazy(() => import('./Prices'));
const Budgets = lazy(() => import('./Budgets'));
const Infrastructure = lazy(() => import('./Infrastructure'));

const tabs = ['breakdown', 'cache', 'unpriced', 'budgets', 'prices', 'infrastructure'] as const;
type Tab = (typeof tabs)[number];

/** Those that are about calls, and so can be filtered. */
const filtered: readonly Tab[] = ['breakdown', 'cache', 'unpriced'];

function Content({ tab }: { tab: Tab }) {
  switch (tab) {
    case 'breakdown': return <Breakdown />;
    case 'cache': return <Cache />;
    case 'unpriced': return <Unpriced />;
    case 'prices': return <Prices />;
    case 'budgets': return <Budgets />;
    case 'infrastructure': return <Infrastructure />;
  }
}

export default function View() {
  const t = cost.useT();
  const c = common.useT();
  const { tab: wanted } = useRouteParams<{ tab?: string }>();
  const [, navigate] = useLocation();
  const tab: Tab = (tabs as readonly string[]).includes(wanted ?? '') ? (wanted as Tab) : 'breakdown';
  const go = (to: string | null) => {
    const q = new URLSearchParams(window.location.search);
    q.delete('order');
    const s = q.toString();
    navigate(`/cost${to === null || to === 'breakdown' ? '' : `/${to}`}${s === '' ? '' : `?${s}`}`);
  };
  const name: Record<Tab, string> = { breakdown: t('breakdown'), cache: t('cache'), unpriced: t('unpricedTab'), prices: t('prices'), budgets: c('budgets'), infrastructure: t('infrastructure') };
  return (
    <Stack gap="sm">
      <Group justify="space-between">
        <Title order={1} fz="lg">{c('cost')}</Title>
        {filtered.includes(tab) && <Group gap="xs">{tab !== 'unpriced' && <SplitSelect />}{tab === 'breakdown' && <Export />}</Group>}
      </Group>
      <Tabs value={tab} onChange={go} keepMounted={false} activateTabWithKeyboard={false}>
        <Tabs.List aria-label={t('tabs')} style={{ flexWrap: 'nowrap', overflowX: 'auto', overflowY: 'hidden' }}>
          {tabs.map((each) => <Tabs.Tab key={each} value={each} py={6} style={{ whiteSpace: 'nowrap' }}>{name[each]}</Tabs.Tab>)}
        </Tabs.List>
        <Tabs.Panel value={tab} pt="sm">
          <Stack gap="sm">
            {filtered.includes(tab) && <CallFilters />}
            {filtered.includes(tab) && <Crumbs />}
            <Suspense fallback={<Loading height={300} />}><Content tab={tab} /></Suspense>
          </Stack>
        </Tabs.Panel>
      </Tabs>
    </Stack>
  );
}
