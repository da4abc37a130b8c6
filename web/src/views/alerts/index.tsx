import { Group, Stack, Tabs, Title } from '@mantine/core';
import { lazy, Suspense } from 'react';
import { useLocation, useParams as useRoute } from 'wouter';
import { common } from '~/i18n/common';
import { useParams, withRange } from '~/state/url';
import { Loading } from '~/ui/states';
import type { AlertItem } from './alerts';
import { isQuiet } from './alerts';
import { useAlerts, useSilences } from './data';
import { Firing } from './Firing';
import { m } from './messages';
import { format, matchersOf, parse, type Matcher } from './silence';

const Rules = lazy(() => import('./Rules').then((x) => ({ default: x.Rules })));
const Silences = lazy(() => import('./Silences').then((x) => ({ default: x.Silences })));
const Channels = lazy(() => import('./Channels').then((x) => ({ default: x.Channels })));
const History = lazy(() => import('./History').then((x) => ({ default: x.History })));
const SilenceForm = lazy(() => import('./SilenceForm'));

const tabs = ['firing', 'rules', 'silences', 'channels', 'history'] as const;

export default function View() {
  const t = m.useT();
  const c = common.useT();
  const route = useRoute<{ tab?: string }>();
  const [, navigate] = useLocation();
  const [, setParams] = useParams();
  const tab = tabs.find((x) => x === route.tab) ?? 'firing';
  const alerts = useAlerts();
  const firing = alerts.data?.filter((a) => a.state === 'firing' && !isQuiet(a)).length;
  const silence = (a: AlertItem) => setParams({ silence: 'new', matcher: matchersOf(a.labels).map(format) }, { push: true });
  return (
    <Stack gap="xs">
      <Group justify="space-between"><Title order={1} fz="lg">{c('alerts')}</Title></Group>
      <Tabs value={tab} onChange={(v) => navigate(withRange(v === 'firing' || v === null ? '/alerts' : `/alerts/${v}`, window.location.search))} keepMounted={false}>
        <Tabs.List mb="xs" aria-label={t('tabs')}>
          {tabs.map((x) => <Tabs.Tab key={x} value={x} px="sm" py={6}>{t(x)}{x === 'firing' && firing !== undefined ? ` (${firing})` : ''}</Tabs.Tab>)}
        </Tabs.List>
        <Suspense fallback={<Loading height={300} />}>
          <Tabs.Panel value="firing"><Firing onSilence={silence} /></Tabs.Panel>
          <Tabs.Panel value="rules"><Rules /></Tabs.Panel>
          <Tabs.Panel value="silences"><Silences onNew={() => setParams({ silence: 'new' }, { push: true })} onEdit={(id) => setParams({ silence: id }, { push: true })} /></Tabs.Panel>
          <Tabs.Panel value="channels"><Channels /></Tabs.Panel>
          <Tabs.Panel value="history"><History /></Tabs.Panel>
        </Suspense>
      </Tabs>
      <FormFromURL />
    </Stack>
  );
}

/** silence=new with matcher=…, or silence=ID: a form that can be linked to. */
function FormFromURL() {
  const [params, setParams] = useParams();
  const id = params.get('silence');
  if (id === null) return null;
  const matchers = params.getAll('matcher').map(parse).filter((x): x is Matcher => x !== undefined);
  const close = () => setParams({ silence: null, matcher: null });
  return <Suspense fallback={null}>{id === 'new' ? <SilenceForm matchers={matchers} onClose={close} /> : <EditForm id={id} onClose={close} />}</Suspense>;
}

function EditForm({ id, onClose }: { id: string; onClose: () => void }) {
  const q = useSilences();
  const silence = q.data?.find((s) => s.id === id);
  if (silence === undefined) return null;
  return <SilenceForm key={id} silence={silence} matchers={[]} onClose={onClose} />;
}
