// One call with all that is known of it: in tabs beside the list, or as a page.

import { Badge, Box, Group, Paper, Stack, Tabs, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, type ReactNode } from 'react';
import { ApiError, get } from '~/api/client';
import type { Call } from '~/api/types';
import { useParam } from '~/state/url';
import { Link } from '~/ui/Link';
import { Empty, Loading, States } from '~/ui/states';
import classes from './call.module.css';
import { CallHeader } from './CallHeader';
import { callTexts } from './callMessages';
import { Conversation } from './Conversation';
import { CostPart } from './CostPart';
import { DetailsPart } from './DetailsPart';
import { FeedbackPart } from './FeedbackPart';
import { calls } from './messages';

const TokenTimeline = lazy(() => import('~/timeline/TokenTimeline').then((m) => ({ default: m.TokenTimeline })));

export function useCall(id: string) {
  return useQuery({ queryKey: ['call', id], queryFn: ({ signal }) => get<Call>(`/calls/${encodeURIComponent(id)}`, {}, signal), staleTime: 60_000 });
}

const tabs = ['conversation', 'timing', 'cost', 'feedback', 'details'] as const;

export function CallView({ id, page }: { id: string; page?: boolean }) {
  const t = calls.useT();
  const q = useCall(id);
  if (q.data === undefined && q.error instanceof ApiError && q.error.status === 404) return <Empty title={t('noCall')} hint={id} height={240} />;
  return <States query={q} height={320}>{(call) => (page ? <Sections call={call} /> : <InTabs call={call} />)}</States>;
}

function Timing({ call }: { call: Call }) {
  const t = callTexts.useT();
  return <Suspense fallback={<Loading height={220} label={t('timelineLoading')} />}><TokenTimeline call={call} /></Suspense>;
}

function InTabs({ call }: { call: Call }) {
  const t = callTexts.useT();
  const [tab, setTab] = useParam('tab', 'conversation');
  const active = (tabs as readonly string[]).includes(tab) ? tab : 'conversation';
  const given = call.feedback?.length ?? 0;
  return (
    <>
      <CallHeader call={call} />
      <Tabs value={active} onChange={(v) => setTab(v)} mt={8} keepMounted={false}>
        <Tabs.List aria-label={t('parts')} className={classes.tabs}>
          <Tabs.Tab value="conversation">{t('conversation')}</Tabs.Tab>
          <Tabs.Tab value="timing">{t('timing')}</Tabs.Tab>
          <Tabs.Tab value="cost">{t('usageCost')}</Tabs.Tab>
          <Tabs.Tab value="feedback" rightSection={given > 0 ? <Badge size="xs" variant="light">{given}</Badge> : undefined}>{t('feedback')}</Tabs.Tab>
          <Tabs.Tab value="details">{t('details')}</Tabs.Tab>
        </Tabs.List>
        <Box pt={10}>
          <Tabs.Panel value="conversation"><Conversation call={call} /></Tabs.Panel>
          <Tabs.Panel value="timing"><Timing call={call} /></Tabs.Panel>
          <Tabs.Panel value="cost"><CostPart call={call} /></Tabs.Panel>
          <Tabs.Panel value="feedback"><FeedbackPart call={call} /></Tabs.Panel>
          <Tabs.Panel value="details"><DetailsPart call={call} /></Tabs.Panel>
        </Box>
      </Tabs>
    </>
  );
}

function Section({ title, children }: { title?: string; children: ReactNode }) {
  return <Paper withBorder radius="md" p="sm" component="section" aria-label={title}>{title !== undefined && <Text component="h2" size="sm" fw={600} m={0} mb={6}>{title}</Text>}{children}</Paper>;
}

function Sections({ call }: { call: Call }) {
  const t = callTexts.useT();
  return (
    <Stack gap="xs" maw={1680}>
      <Group justify="space-between"><Link to="/calls" size="xs">← {t('backToList')}</Link><Link to={`/calls?pick=${call.id}`} size="xs">{t('compareWith')}</Link></Group>
      <Section><CallHeader call={call} page /></Section>
      <Section title={t('timing')}><Timing call={call} /></Section>
      <div className={classes.columns}>
        <Section title={t('conversation')}><Conversation call={call} /></Section>
        <Stack gap="xs" miw={0}>
          <Section title={t('usageCost')}><CostPart call={call} /></Section>
          <Section title={t('feedback')}><FeedbackPart call={call} /></Section>
          <Section title={t('details')}><DetailsPart call={call} /></Section>
        </Stack>
      </div>
    </Stack>
  );
}
