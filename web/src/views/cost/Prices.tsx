// The prices that calls are priced with.

import { Anchor, Badge, Drawer, Group, SegmentedControl, Stack, Table, Text, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { get } from '~/api/client';
import type { PriceList, PriceRow } from '~/api/types';
import { count, usd } from '~/format/number';
import { common } from '~/i18n/common';
import { useParam } from '~/state/url';
import { curl } from '~/ui/Copy';
import { DataTable, type Column } from '~/ui/DataTable';
import { Panel } from '~/ui/Panel';
import { Empty, States } from '~/ui/states';
import { useUrlSorted } from '~/ui/useUrlSorted';
import { cost } from './messages';

type Kinds = PriceRow['prices'];

const main: readonly (keyof Kinds)[] = ['input', 'output', 'cache_read', 'cache_write'];

const keyOf = (p: PriceRow) => [p.provider, p.model, p.since ?? '', p.origin].join('|');
const callsOf = (p: PriceRow) => (p.used_by ?? []).reduce((a, u) => a + u.calls, 0);

function Price({ value }: { value: number | undefined }) {
  const t = cost.useT();
  return <>{value === 0 ? t('free') : usd(value)}</>;
}

function KindTable({ title, rows }: { title: string; rows: [string, Kinds][] }) {
  // Tiers, services and hours hold more than prices: from where on, until when, tiers of their own.
  const kinds = [...new Set(rows.flatMap(([, p]) => Object.entries(p).filter(([, v]) => typeof v === 'number').map(([k]) => k)))].filter((k) => k !== 'above') as (keyof Kinds)[];
  if (rows.length === 0) return null;
  return (
    <Table fz="sm" verticalSpacing={3} aria-label={title}>
      <Table.Thead><Table.Tr><Table.Th>{title}</Table.Th>{rows.map(([name]) => <Table.Th key={name} ta="right">{name}</Table.Th>)}</Table.Tr></Table.Thead>
      <Table.Tbody>{kinds.map((k) => <Table.Tr key={k}><Table.Td><code>{k}</code></Table.Td>{rows.map(([name, p]) => <Table.Td key={name} ta="right" className="num"><Price value={p[k]} /></Table.Td>)}</Table.Tr>)}</Table.Tbody>
    </Table>
  );
}

function Details({ p }: { p: PriceRow }) {
  const t = cost.useT();
  const c = common.useT();
  return (
    <Stack gap="md">
      <Group gap="xs">
        <Badge variant="light" tt="none" color={p.origin === 'override' ? 'orange' : 'gray'}>{t(`origin_${p.origin}`)}</Badge>
        {p.since !== undefined && <Text size="xs" c="dimmed">{t('since')}: {p.since}</Text>}
        {p.checked !== undefined && <Text size="xs" c="dimmed">{t('checked')}: {p.checked}</Text>}
        {p.source !== undefined && (/^https?:\/\//.test(p.source) ? <Anchor size="xs" underline="always" href={p.source} target="_blank" rel="noopener noreferrer">{t('source')}</Anchor> : <Text size="xs" c="dimmed">{p.source}</Text>)}
      </Group>
      {(p.also ?? []).length > 0 && <Text size="sm">{t('alsoNamed')}: <span className="mono">{(p.also ?? []).join(', ')}</span></Text>}
      <KindTable title={t('perMillion')} rows={[[p.model, p.prices]]} />
      <KindTable title={`${t('tiers')}${p.tier_mode === undefined ? '' : ` (${t(`tier_${p.tier_mode}`)})`}`} rows={(p.tiers ?? []).map((x) => [t('above', { n: count(x.above) }), x])} />
      <KindTable title={t('services')} rows={Object.entries(p.services ?? {}) as [string, Kinds][]} />
      <KindTable title={t('hours')} rows={(p.hours ?? []).map((h) => [`${h.from} – ${h.to}`, h as Kinds])} />
      {p.regions !== undefined && <Text size="sm">{t('regions')}: {Object.entries(p.regions).map(([r, f]) => `${r} ×${f}`).join(', ')}</Text>}
      {(p.used_by ?? []).length > 0 && (
        <Table fz="sm" verticalSpacing={3} aria-label={t('usedBy')}>
          <Table.Thead><Table.Tr><Table.Th>{t('usedBy')}</Table.Th><Table.Th ta="right">{t('calls')}</Table.Th><Table.Th ta="right">{c('cost')}</Table.Th></Table.Tr></Table.Thead>
          <Table.Tbody>{(p.used_by ?? []).map((u) => <Table.Tr key={u.provider + u.model}><Table.Td>{u.provider} / {u.model}</Table.Td><Table.Td ta="right" className="num">{count(u.calls)}</Table.Td><Table.Td ta="right" className="num">{usd(u.cost_usd)}</Table.Td></Table.Tr>)}</Table.Tbody>
        </Table>
      )}
    </Stack>
  );
}

function useColumns(): Column<PriceRow>[] {
  const t = cost.useT();
  const c = common.useT();
  return useMemo(() => {
    const kind = (k: keyof Kinds, title: string): Column<PriceRow> => ({ id: k, title, align: 'right', width: '80px', value: (p) => p.prices[k], cell: (p) => <Price value={p.prices[k]} /> });
    const extras = (p: PriceRow) => Object.keys(p.prices).filter((k) => !(main as readonly string[]).includes(k)).length + (p.tiers?.length ?? 0) + Object.keys(p.services ?? {}).length + (p.hours?.length ?? 0);
    return [
      { id: 'provider', title: c('provider'), width: '124px', value: (p) => p.provider, cell: (p) => (p.provider === '' ? <span className="dim">{t('anyProvider')}</span> : p.provider) },
      { id: 'model', title: c('model'), width: 'minmax(200px, 2fr)', value: (p) => p.model, cell: (p) => <span title={p.model}>{p.model}</span> },
      kind('input', t('input')), kind('output', t('output')), kind('cache_read', t('cached')), kind('cache_write', t('cacheWrite')),
      { id: 'more', title: t('otherPrices'), width: '96px', align: 'right', value: extras, cell: (p) => (extras(p) > 0 ? <span className="dim">{t('moreKinds', { n: extras(p) })}</span> : '') },
      { id: 'origin', title: t('origin'), width: '96px', value: (p) => p.origin, cell: (p) => (p.origin === 'override' ? <Badge size="xs" variant="light" color="orange" tt="none">{t('origin_override')}</Badge> : <span className="dim">{t('origin_table')}</span>) },
      { id: 'checked', title: t('checked'), width: '88px', value: (p) => p.checked, cell: (p) => <span className="dim">{p.checked ?? '–'}</span> },
      { id: 'used', title: t('calls'), width: '76px', align: 'right', value: callsOf, cell: (p) => (callsOf(p) === 0 ? <span className="dim">–</span> : count(callsOf(p))) },
    ];
  }, [t, c]);
}

function List({ prices }: { prices: readonly PriceRow[] }) {
  const t = cost.useT();
  const c = common.useT();
  const [find] = useParam('find');
  const [open, setOpen] = useParam('price');
  const columns = useColumns();
  const words = find.toLowerCase().split(/\s+/).filter((w) => w !== '');
  const found = useMemo(() => prices.filter((p) => words.every((w) => [p.provider, p.model, ...(p.also ?? []), ...(p.used_by ?? []).map((u) => u.model)].some((s) => s.toLowerCase().includes(w)))), [prices, find]); // eslint-disable-line react-hooks/exhaustive-deps
  const { rows, ...sorting } = useUrlSorted(found, columns, '-used');
  const chosen = open === '' ? undefined : prices.find((p) => keyOf(p) === open);
  if (found.length === 0) return <Empty title={t('noPrices')} />;
  return (
    <>
      <DataTable {...sorting} rows={rows} rowKey={keyOf} label={t('pricesTitle')} rowHeight={30} maxHeight={620} onOpen={(p) => setOpen(keyOf(p), { push: true })} selected={open} />
      <Drawer opened={chosen !== undefined} onClose={() => setOpen(null)} position="right" size="lg" closeButtonProps={{ 'aria-label': c('close') }} title={chosen === undefined ? '' : t('priceOf', { model: `${chosen.provider === '' ? t('anyProvider') : chosen.provider} / ${chosen.model}` })}>
        {chosen !== undefined && <Details p={chosen} />}
      </Drawer>
    </>
  );
}

export default function Prices() {
  const t = cost.useT();
  const [scope, setScope] = useParam('scope', 'used');
  const [find, setFind] = useParam('find');
  const params = { scope, limit: 10_000 };
  const query = useQuery({ queryKey: ['prices', params], queryFn: ({ signal }) => get<PriceList>('/prices', params, signal), placeholderData: (was) => was, staleTime: 60_000 });
  return (
    <Panel title={t('pricesTitle')} busy={query.isFetching} curl={curl('/prices', params)}>
      <Group gap="xs" mb="xs">
        <TextInput size="xs" w={260} leftSection={<IconSearch size={14} />} placeholder={t('searchPrices')} aria-label={t('searchPrices')} value={find} onChange={(e) => setFind(e.currentTarget.value)} data-search />
        <SegmentedControl size="xs" aria-label={t('scope')} value={scope} onChange={(v) => setScope(v)} data={[{ value: 'used', label: t('used') }, { value: 'all', label: t('allPrices') }]} />
        {query.data !== undefined && <Text size="xs" c="dimmed">{t('pricesIntro', { checked: query.data.checked })}{query.data.truncated ? ` ${t('truncated')}` : ''}</Text>}
      </Group>
      <States query={query} height={300} empty={(d) => d.prices.length === 0} emptyState={<Empty title={t('noPrices')} />}>{(d) => <List prices={d.prices} />}</States>
    </Panel>
  );
}
