// Traffic without a price: why, and what to write into the configuration.

import { Badge, Button, Code, Group, Modal, Paper, SegmentedControl, Stack, Table, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { notify } from '~/ui/notify';
import { IconReload } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { get, request } from '~/api/client';
import type { UnpricedBy, UnpricedReport } from '~/api/types';
import { count, percent, short, usd } from '~/format/number';
import { common } from '~/i18n/common';
import { useTime } from '~/state/time';
import { CopyButton, curl } from '~/ui/Copy';
import { Link } from '~/ui/Link';
import { Panel } from '~/ui/Panel';
import { Empty, Failure, States } from '~/ui/states';
import { When } from '~/ui/values';
import { pathWith, within } from '~/ui/dimensions';
import { useScope } from './data';
import { cost } from './messages';

/** The configuration is read again when one says so twice. */
function Reload() {
  const t = cost.useT();
  const c = common.useT();
  const client = useQueryClient();
  const [asked, { open, close }] = useDisclosure();
  const reload = useMutation({
    mutationFn: () => request('/-/reload', { method: 'POST' }),
    onSuccess: () => {
      notify({ message: t('reloaded'), color: 'green' });
      close();
      void client.invalidateQueries();
    },
  });
  return (
    <>
      <Button size="xs" variant="default" leftSection={<IconReload size={14} />} onClick={() => { reload.reset(); open(); }}>{t('reload')}</Button>
      <Modal opened={asked} onClose={close} title={t('reloadConfirm')} centered closeButtonProps={{ 'aria-label': c('close') }}>
        <Stack gap="sm">
          <Text size="sm">{t('reloadText')}</Text>
          {reload.error !== null && <Failure error={reload.error} />}
          <Group justify="flex-end" gap="xs">
            <Button size="xs" variant="default" onClick={close}>{c('cancel')}</Button>
            <Button size="xs" loading={reload.isPending} onClick={() => reload.mutate()} data-autofocus>{t('reload')}</Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}

function Suggestions({ model, file }: { model: UnpricedBy; file: string | undefined }) {
  const t = cost.useT();
  const [index, setIndex] = useState(0);
  const s = model.suggestions[index] ?? model.suggestions[0];
  if (s === undefined) return null;
  const free = s.prices.input === 0 && s.prices.output === 0;
  return (
    <Stack gap={6}>
      <SegmentedControl size="xs" aria-label={t('options')} style={{ alignSelf: 'flex-start', maxWidth: '100%', overflowX: 'auto' }} value={String(model.suggestions.indexOf(s))} onChange={(v) => setIndex(Number(v))} data={model.suggestions.map((each, i) => ({ value: String(i), label: each.kind === 'alias' ? t('optionAlias', { like: each.like ?? '' }) : t('optionOverride') }))} />
      <Text size="xs" c="dimmed">{[
        s.prices.input === undefined ? '' : `${t('input')} ${usd(s.prices.input)}`,
        s.prices.output === undefined ? '' : `${t('output')} ${usd(s.prices.output)}`,
        t('perMillion'),
        s.similarity === undefined ? '' : t('similarity', { n: percent(s.similarity) }),
        free ? t('freeHint') : s.would_cost_usd === undefined ? '' : t('wouldCost', { usd: usd(s.would_cost_usd) }),
      ].filter((x) => x !== '').join(' · ')}</Text>
      <Text size="xs">{file === undefined ? t('pasteIntoNew') : t('pasteInto', { file })}</Text>
      <Paper withBorder pos="relative" radius="sm">
        <div style={{ position: 'absolute', right: 6, top: 6 }}><CopyButton text={s.yaml} label={t('copyYaml')} size="sm" /></div>
        <Code block fz={12} tabIndex={0}>{s.yaml}</Code>
      </Paper>
      <Text size="xs">{t('thenReload')} · {t('recheck')}</Text>
    </Stack>
  );
}

const keyOf = (m: UnpricedBy) => [m.provider, m.upstream, m.model, m.response_model, m.operation, m.reason, m.missing].join('\n');

/** The calls that are meant, as conditions. */
function callsOf(m: UnpricedBy): Record<string, string> {
  return { 'cost.state': 'unpriced', 'cost.reason': m.reason, ...(m.model === undefined ? {} : { model: m.model }), ...(m.provider === undefined ? {} : { provider: m.provider }) };
}

function Unknown({ model, file, filters }: { model: UnpricedBy; file: string | undefined; filters: Record<string, string> }) {
  const t = cost.useT();
  const name = model.model ?? model.response_model ?? '–';
  return (
    <Paper withBorder radius="md" p="sm" component="section" aria-label={name}>
      <Group justify="space-between" align="flex-start" wrap="wrap" gap="xs" mb={6}>
        <Group gap="xs">
          <Text fw={600} size="sm">{name}</Text>
          <Text size="xs" c="dimmed">{[model.provider, model.upstream === undefined || model.upstream === model.provider ? undefined : t('viaUpstream', { upstream: model.upstream }), model.operation].filter((x) => x !== undefined && x !== '').join(' · ')}</Text>
          <Badge size="sm" variant="light" color={model.reason === 'unknown_usage' ? 'gray' : 'orange'} tt="none">{t(`reason_${model.reason}`)}</Badge>
        </Group>
        <Group gap="xs">
          <Text size="sm" fw={600} className="num">{t('callsNote', { count: model.calls, n: count(model.calls) })}</Text>
          <Link to={pathWith('/calls', within(filters, callsOf(model)))} size="xs">{t('explainCall')}</Link>
        </Group>
      </Group>
      <Text size="xs" c="dimmed" mb={6}>
        {model.input_tokens === undefined && model.output_tokens === undefined ? '' : `${t('inOut', { input: short(model.input_tokens), output: short(model.output_tokens) })} · `}
        <When time={model.first_seen} /> – <When time={model.last_seen} />
      </Text>
      <Text size="sm" mb={model.suggestions.length > 0 ? 8 : 0}>{t(`why_${model.reason}`, { missing: model.missing ?? '–' })}</Text>
      <Suggestions model={model} file={file} />
    </Paper>
  );
}

/** Calls that have nothing to price: one line a model. */
function Usageless({ models, filters }: { models: UnpricedBy[]; filters: Record<string, string> }) {
  const t = cost.useT();
  return (
    <Paper withBorder radius="md" p="sm" component="section" aria-label={t('reason_unknown_usage')}>
      <Group gap="xs" mb={4}><Text fw={600} size="sm">{t('allFailed')}</Text><Badge size="sm" variant="light" color="gray" tt="none">{t('reason_unknown_usage')}</Badge></Group>
      <Text size="sm" mb={6}>{t('why_unknown_usage')}</Text>
      <Table.ScrollContainer minWidth={520} type="native">
        <Table fz="sm" verticalSpacing={3} aria-label={t('allFailed')}>
          <Table.Tbody>
            {models.map((m) => (
              <Table.Tr key={keyOf(m)}>
                <Table.Td>{m.model ?? m.response_model ?? '–'}</Table.Td>
                <Table.Td c="dimmed">{[m.provider, m.operation].filter((x) => x !== undefined && x !== '').join(' · ')}</Table.Td>
                <Table.Td ta="right" className="num">{t('callsNote', { count: m.calls, n: count(m.calls) })}</Table.Td>
                <Table.Td c="dimmed" ta="right"><When time={m.last_seen} /></Table.Td>
                <Table.Td ta="right"><Link to={pathWith('/calls', within(filters, callsOf(m)))} size="xs">{t('explainCall')}</Link></Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Paper>
  );
}

export default function Unpriced() {
  const t = cost.useT();
  const { filters } = useScope();
  const { api } = useTime();
  const params = { ...filters, ...api };
  const query = useQuery({ queryKey: ['unpriced', params], queryFn: ({ signal }) => get<UnpricedReport>('/prices/unpriced', params, signal), placeholderData: (was) => was });
  const config = useQuery({ queryKey: ['config'], queryFn: ({ signal }) => get<{ file?: string }>('/config', undefined, signal), staleTime: 60_000 });
  return (
    <Panel title={t('unpricedTitle')} busy={query.isFetching} curl={curl('/prices/unpriced', params)} actions={<Group gap="xs"><Button size="xs" variant="subtle" onClick={() => void query.refetch()} loading={query.isFetching}>{t('lookAgain')}</Button><Reload /></Group>}>
      <States query={query} height={300} empty={(d) => d.models.length === 0} emptyState={<Empty title={t('allPriced')} hint={t('allPricedHint')} />}>
        {(d) => (
          <Stack gap="sm">
            <Text size="sm">{t('unpricedIntro', { n: count(d.calls), total: count(d.total_calls) })}</Text>
            {d.models.filter((m) => m.reason !== 'unknown_usage').map((m) => <Unknown key={keyOf(m)} model={m} file={config.data?.file} filters={filters} />)}
            {d.models.some((m) => m.reason === 'unknown_usage') && <Usageless models={d.models.filter((m) => m.reason === 'unknown_usage')} filters={filters} />}
          </Stack>
        )}
      </States>
    </Panel>
  );
}
