// What the caches of providers saved, and what they cost.

import { SimpleGrid, Stack, Text, Tooltip } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { get } from '~/api/client';
import type { CacheGroup, CacheReport } from '~/api/types';
import { meaning } from '~/chart/palette';
import { useScheme } from '~/chart/TimeChart';
import { count, percent, short, unknown, usd } from '~/format/number';
import { useTime } from '~/state/time';
import { curl } from '~/ui/Copy';
import { DataTable, type Column } from '~/ui/DataTable';
import { Panel } from '~/ui/Panel';
import { Stat } from '~/ui/Stat';
import { Empty, States } from '~/ui/states';
import { dimensionName, groupName } from '~/ui/dimensions';
import { useUrlSorted } from '~/ui/useUrlSorted';
import { useScope } from './data';
import { cost } from './messages';

function Net({ g }: { g: CacheGroup }) {
  const t = cost.useT();
  const scheme = useScheme();
  if (g.cached_calls === 0) return <>{unknown}</>;
  if (g.net_usd === undefined) return <Text span size="xs" c="dimmed" fs="italic">{t('cachePriceUnknown')}</Text>;
  return <Tooltip label={t('negative')} disabled={g.net_usd >= 0}><Text span size="sm" fw={600} c={g.net_usd < 0 ? meaning[scheme].critical : g.net_usd > 0 ? meaning[scheme].ok : undefined}>{g.net_usd < 0 ? '▼ ' : ''}{usd(g.net_usd)}</Text></Tooltip>;
}

/** An amount of the calls that used a cache; where none did there is none. */
const amount = (g: CacheGroup, v: number | undefined) => (g.cached_calls === 0 ? undefined : v);

function CacheTable({ groups, by }: { groups: CacheGroup[]; by: readonly string[] }) {
  const t = cost.useT();
  const columns = useMemo<Column<CacheGroup>[]>(() => [
    { id: 'name', title: dimensionName(by.join(',')), width: 'minmax(170px, 1.6fr)', value: (g) => groupName(g.values ?? {}, by), cell: (g) => groupName(g.values ?? {}, by) },
    { id: 'net', title: t('net'), align: 'right', width: '104px', value: (g) => amount(g, g.net_usd), cell: (g) => <Net g={g} /> },
    { id: 'hit', title: t('hitRatio'), align: 'right', width: '124px', value: (g) => g.hit_ratio, cell: (g) => percent(g.hit_ratio) },
    { id: 'saved', title: t('readSaved'), align: 'right', width: '102px', value: (g) => amount(g, g.read_saved_usd), cell: (g) => usd(amount(g, g.read_saved_usd)) },
    { id: 'extra', title: t('writeExtra'), align: 'right', width: '102px', value: (g) => amount(g, g.write_extra_usd), cell: (g) => usd(amount(g, g.write_extra_usd)) },
    { id: 'paid', title: t('inputCost'), align: 'right', width: '100px', value: (g) => amount(g, g.input_usd), cell: (g) => usd(amount(g, g.input_usd)) },
    { id: 'would', title: t('wouldHave'), align: 'right', width: '120px', value: (g) => amount(g, g.uncached_usd), cell: (g) => usd(amount(g, g.uncached_usd)) },
    { id: 'input', title: t('input'), align: 'right', width: '80px', value: (g) => g.input_tokens, cell: (g) => short(g.input_tokens) },
    { id: 'read', title: t('cached'), align: 'right', width: '84px', value: (g) => g.cache_read_tokens, cell: (g) => short(g.cache_read_tokens) },
    { id: 'write', title: t('cacheWrite'), align: 'right', width: '84px', value: (g) => g.cache_write_tokens, cell: (g) => short(g.cache_write_tokens) },
    { id: 'calls', title: t('cachedCalls'), align: 'right', width: '108px', value: (g) => g.cached_calls, cell: (g) => count(g.cached_calls) },
  ], [t, by]);
  const { rows, ...sorting } = useUrlSorted(groups, columns, '-net');
  return <DataTable {...sorting} rows={rows} rowKey={(g) => JSON.stringify(by.map((d) => g.values?.[d] ?? ''))} label={t('cacheBy', { by: dimensionName(by.join(',')) })} rowHeight={30} />;
}

export default function Cache() {
  const t = cost.useT();
  const { by, filters } = useScope();
  const { api } = useTime();
  const params = { ...filters, ...api, by };
  const query = useQuery({ queryKey: ['cache', params], queryFn: ({ signal }) => get<CacheReport>('/costs/cache', params, signal), placeholderData: (was) => was });
  return (
    <States query={query} height={300} empty={(d) => d.totals.calls === 0} emptyState={<Empty title={t('noCalls')} />}>
      {(d) => (
        <Stack gap="sm">
          <SimpleGrid cols={{ base: 1, xs: 2, lg: 4 }} spacing="sm">
            <Stat title={t('cacheSaved')} description={t('cacheNetHelp')} value={d.totals.net_usd} unit="usd" level={d.totals.net_usd === undefined ? undefined : d.totals.net_usd < 0 ? 'critical' : 'ok'} note={d.totals.net_usd !== undefined && d.totals.uncached_usd !== undefined && d.totals.uncached_usd > 0 ? `${percent(d.totals.net_usd / d.totals.uncached_usd)} · ${t('wouldHave')}: ${usd(d.totals.uncached_usd)}` : undefined} />
            <Stat title={t('hitRatio')} value={d.totals.hit_ratio} unit="ratio" note={`${short(d.totals.cache_read_tokens)} / ${short(d.totals.input_tokens)}`} />
            <Stat title={t('readSaved')} value={d.totals.read_saved_usd} unit="usd" note={t('callsNote', { count: d.totals.cached_calls, n: count(d.totals.cached_calls) })} />
            <Stat title={t('writeExtra')} value={d.totals.write_extra_usd} unit="usd" note={`${short(d.totals.cache_write_tokens)} tok`} />
          </SimpleGrid>
          <Panel title={t('cacheBy', { by: dimensionName(by) })} description={t('cacheNetHelp')} busy={query.isFetching} curl={curl('/costs/cache', params)} actions={d.totals.unpriced_calls > 0 ? <Text size="xs" c="dimmed">{t('unpricedCache', { n: count(d.totals.unpriced_calls) })}</Text> : undefined}>
            {d.totals.cached_calls === 0 ? <Empty title={t('noCacheSeen')} hint={t('noCacheHint')} /> : <CacheTable groups={d.groups} by={d.by} />}
          </Panel>
        </Stack>
      )}
    </States>
  );
}
