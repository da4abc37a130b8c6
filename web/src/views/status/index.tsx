import { Stack, Tabs } from '@mantine/core';
import { lazy, Suspense } from 'react';
import { useLocation, useParams as useRoute, useSearch } from 'wouter';
import { withRange } from '~/state/url';
import { TimePicker } from '~/app/TimePicker';
import { Loading } from '~/ui/states';
import { status } from './messages';

const Server = lazy(() => import('./Server'));
const Doctor = lazy(() => import('./Doctor'));
const Senders = lazy(() => import('./Senders'));
const Targets = lazy(() => import('./Targets'));
const Ledger = lazy(() => import('./Ledger'));
const Configuration = lazy(() => import('./Configuration'));

const tabs = ['server', 'doctor', 'senders', 'targets', 'ledger', 'config'] as const;
const views = { server: Server, doctor: Doctor, senders: Senders, targets: Targets, ledger: Ledger, config: Configuration };
/** Tabs that are about a time range. */
const ranged: readonly string[] = ['doctor', 'senders'];

export default function StatusView() {
  const t = status.useT();
  const [, navigate] = useLocation();
  const search = useSearch();
  const { tab } = useRoute<{ tab?: string }>();
  const active = tabs.find((x) => x === tab) ?? 'server';
  const View = views[active];
  return (
    <Stack gap="sm">
      <Tabs value={active} onChange={(v) => navigate(withRange(v === 'server' ? '/status' : `/status/${v}`, search))}>
        <Tabs.List>
          {tabs.map((x) => <Tabs.Tab key={x} value={x} py={8} px="sm" fz="sm">{t(x)}</Tabs.Tab>)}
        </Tabs.List>
      </Tabs>
      {ranged.includes(active) && <div><TimePicker /></div>}
      <Suspense fallback={<Loading height={240} />}><View /></Suspense>
    </Stack>
  );
}
