import { Badge, Button, Group, SegmentedControl, Stack, Text, Title, Tooltip } from '@mantine/core';
import { useLocation } from 'wouter';
import type { SessionStat } from '~/api/types';
import { count, duration, format } from '~/format/number';
import { common } from '~/i18n/common';
import { useParam, useParams, withRange } from '~/state/url';
import { CallFilters, useFilters } from '~/ui/CallFilters';
import { DataTable, type Column } from '~/ui/DataTable';
import { Link } from '~/ui/Link';
import { Empty, Failure, Loading } from '~/ui/states';
import { When } from '~/ui/values';
import { ParamField } from '../traces/ParamField';
import { usePages } from '../traces/pages';
import { SumCost, SumTokens } from '../traces/Sum';
import { sessions as messages } from './messages';

const orders = ['newest', 'costliest', 'longest', 'most_calls'] as const;
const dimensions = ['user', 'service', 'model', 'status', 'environment', 'feature', 'agent', 'prompt_name', 'error_type', 'session', 'tags.team', 'query'] as const;
const rowsOf = (answer: unknown) => (answer as { sessions: SessionStat[] }).sessions;

/** The path of a session; its range makes finding its calls fast. */
export function sessionPath(id: string): string {
  return `/sessions/${encodeURIComponent(id)}`;
}

export default function List() {
  const t = messages.useT();
  const c = common.useT();
  const [, navigate] = useLocation();
  const [, set] = useParams();
  const filters = useFilters();
  const [order] = useParam('order', 'newest');
  const list = usePages('/sessions', { ...filters, order: order === 'newest' ? '' : order, limit: 100 }, rowsOf);
  const columns = useColumns();
  return (
    <Stack gap="sm">
      <Title order={1} fz="lg">{c('sessions')}</Title>
      <Group gap={6}>
        <ParamField name="search" label={t('search')} search width={280} />
        <SegmentedControl size="xs" aria-label={t('order')} value={order} onChange={(v) => set({ order: v === 'newest' ? null : v }, { push: true })} data={orders.map((o) => ({ value: o, label: t(o) }))} />
      </Group>
      <CallFilters dimensions={dimensions} />
      {list.query.data === undefined ? (list.query.error ? <Failure error={list.query.error} retry={() => void list.query.refetch()} /> : <Loading height={520} rows />) : (
        <>
          {list.held && <Group gap="xs"><Text size="xs" c="dimmed">{t('held')}</Text><Button size="compact-xs" variant="light" onClick={list.release}>{t('showNewest')}</Button></Group>}
          {list.rows.length === 0 && !list.hasMore ? <Empty title={t('none')} hint={t('noneHint')} height={240} /> : (
            <DataTable
              columns={columns} rows={list.rows} of={list.of} rowKey={(x) => x.session} label={c('sessions')} onOpen={(x) => navigate(withRange(sessionPath(x.session), window.location.search))} onEnd={list.more} maxHeight="calc(100dvh - 220px)" rowTone={(x) => (x.errors > 0 ? 'critical' : undefined)}
              footer={list.moreError ? <Failure error={list.moreError} compact retry={list.more} /> : list.hasMore ? t('loadingMore') : t('all')}
            />
          )}
        </>
      )}
    </Stack>
  );
}

function names(list: readonly string[] | undefined): string {
  return list?.join(', ') ?? '';
}

function useColumns(): Column<SessionStat>[] {
  const t = messages.useT();
  const c = common.useT();
  return [
    { id: 'session', title: c('session'), width: 'minmax(124px, 1.2fr)', cell: (x) => <Link to={sessionPath(x.session)} size="sm" title={x.session}>{x.session}</Link> },
    { id: 'users', title: t('users'), width: 'minmax(72px, 0.7fr)', cell: (x) => <span title={names(x.users)}>{names(x.users)}</span> },
    { id: 'last', title: t('last'), width: '118px', cell: (x) => <When time={x.last} /> },
    { id: 'length', title: t('length'), width: '84px', align: 'right', cell: (x) => (x.calls > 1 ? duration(x.duration_seconds) : '') },
    { id: 'calls', title: c('calls'), width: '52px', align: 'right', cell: (x) => count(x.calls) },
    { id: 'traces', title: c('traces'), width: '52px', align: 'right', cell: (x) => count(x.traces) },
    { id: 'services', title: c('service'), width: 'minmax(96px, 1fr)', cell: (x) => <span title={names(x.services)}>{names(x.services)}</span> },
    { id: 'models', title: c('model'), width: 'minmax(110px, 1.2fr)', cell: (x) => <span title={names(x.models)}>{names(x.models)}</span> },
    { id: 'tokens', title: c('tokens'), width: '118px', align: 'right', cell: (x) => <SumTokens calls={x.calls} input={x.input_tokens} output={x.output_tokens} /> },
    { id: 'cost', title: c('cost'), width: '96px', align: 'right', cell: (x) => <SumCost usd={x.cost_usd} calls={x.calls} unpriced={x.unpriced_calls} /> },
    { id: 'score', title: t('score'), width: '56px', align: 'right', cell: (x) => (x.score === undefined ? '' : <Tooltip label={t('scoreOf', { count: x.score.count })}><span>{format(x.score.mean, 'score')}</span></Tooltip>) },
    { id: 'errors', title: c('errors'), width: '58px', align: 'right', cell: (x) => (x.errors > 0 ? <Badge size="xs" color="red" variant="light">{x.errors}</Badge> : '') },
  ];
}
