import { Badge, Button, Checkbox, Group, NativeSelect, SegmentedControl, Stack, Text, Title } from '@mantine/core';
import { IconArrowsDiff } from '@tabler/icons-react';
import { useState } from 'react';
import { useLocation } from 'wouter';
import type { TraceSummary } from '~/api/types';
import { useScheme } from '~/chart/TimeChart';
import { common } from '~/i18n/common';
import { useTime } from '~/state/time';
import { useParam, useParams, withRange } from '~/state/url';
import { CallFilters, useFilters } from '~/ui/CallFilters';
import { curl } from '~/ui/Copy';
import { DataTable, type Column } from '~/ui/DataTable';
import { Link } from '~/ui/Link';
import { Panel } from '~/ui/Panel';
import { Empty, Failure, Loading } from '~/ui/states';
import { Duration, When } from '~/ui/values';
import { KindIcon, kindColour, kinds } from './kinds';
import { traces as messages } from './messages';
import { usePages } from './pages';
import { ParamField } from './ParamField';
import { Scatter } from './Scatter';
import { SumCost, SumTokens } from './Sum';
import classes from './traces.module.css';

const dimensions = ['service', 'model', 'status', 'provider', 'environment', 'user', 'session', 'feature', 'agent', 'operation', 'error_type', 'prompt_name', 'tags.team', 'query'] as const;
const orders = ['newest', 'slowest', 'costliest'] as const;
const rowsOf = (answer: unknown) => (answer as { traces: TraceSummary[] }).traces;

export default function List() {
  const t = messages.useT();
  const c = common.useT();
  const { api, range, zoom } = useTime();
  const [, navigate] = useLocation();
  const [params, set] = useParams();
  const filters = useFilters();
  const [order] = useParam('order', 'newest');
  const [chosen, setChosen] = useState<string[]>([]);
  const name = params.get('name') ?? '';
  const kind = params.get('kind') ?? '';
  const asked = { ...filters, name, kind, order: order === 'newest' ? '' : order, limit: 200 };
  const list = usePages('/traces', asked, rowsOf);
  const open = (x: TraceSummary) => navigate(withRange(`/traces/${x.trace_id}`, window.location.search));
  // The newest of many lie at the end of the range: the chart shows the part that they are in.
  const oldest = list.rows.reduce((m, x) => Math.min(m, Date.parse(x.start)), Infinity);
  const from = list.hasMore && order === 'newest' && Number.isFinite(oldest) ? oldest : range.from;
  const columns = useColumns(list.rows, chosen, setChosen);
  return (
    <Stack gap="sm">
      <Group justify="space-between" gap="xs">
        <Title order={1} fz="lg">{c('traces')}</Title>
        <Group gap="xs">
          {chosen.length > 0 && <Text size="xs" c="dimmed">{t('comparing', { count: chosen.length })}</Text>}
          <Button size="compact-sm" variant={chosen.length === 2 ? 'filled' : 'default'} disabled={chosen.length !== 2} leftSection={<IconArrowsDiff size={14} />} onClick={() => navigate(withRange(`/traces/compare?a=${chosen[0]}&b=${chosen[1]}`, window.location.search))}>{t('compareSelected')}</Button>
        </Group>
      </Group>
      <Group gap={6} align="flex-end">
        <ParamField name="search" label={t('search')} search width={280} />
        <ParamField name="name" label={t('name')} width={180} />
        <ParamField name="min_duration" label={t('minDuration')} placeholder={`${t('minDuration')}: 5s`} width={130} />
        <NativeSelect size="xs" aria-label={t('kind')} value={kind} onChange={(e) => set({ kind: e.currentTarget.value }, { push: true })} data={[{ value: '', label: `${t('kind')}: ${c('all')}` }, ...kinds.map((k) => ({ value: k, label: t(`kind-${k}`) }))]} />
        <SegmentedControl size="xs" aria-label={t('order')} value={order} onChange={(v) => set({ order: v === 'newest' ? null : v }, { push: true })} data={orders.map((o) => ({ value: o, label: t(o) }))} />
      </Group>
      <CallFilters dimensions={dimensions} />
      {list.query.data === undefined ? (list.query.error ? <Failure error={list.query.error} retry={() => void list.query.refetch()} /> : <Loading height={520} rows />) : (
        <>
          <Panel title={t('scatter')} description={t('scatterHint')} busy={list.busy} curl={curl('/traces', { ...asked, ...api })}>
            <Scatter traces={list.rows} from={from} to={range.to} onOpen={open} onZoom={zoom} selected={chosen} />
          </Panel>
          {list.held && <Group gap="xs"><Text size="xs" c="dimmed">{t('held')}</Text><Button size="compact-xs" variant="light" onClick={list.release}>{t('showNewest')}</Button></Group>}
          {list.rows.length === 0 && !list.hasMore ? <Empty title={t('none')} hint={t('noneHint')} height={240} /> : (
            <DataTable
              columns={columns} rows={list.rows} of={list.of} rowKey={(x) => x.trace_id} label={c('traces')} onOpen={open} onEnd={list.more} maxHeight="max(320px, calc(100dvh - 400px))"
              rowTone={(x) => (x.errors > 0 ? 'critical' : undefined)}
              footer={list.moreError ? <Failure error={list.moreError} compact retry={list.more} /> : list.hasMore ? t('loadingMore') : t('all')}
            />
          )}
        </>
      )}
    </Stack>
  );
}

function useColumns(rows: readonly TraceSummary[], chosen: readonly string[], choose: (ids: string[]) => void): Column<TraceSummary>[] {
  const t = messages.useT();
  const c = common.useT();
  const scheme = useScheme();
  const longest = rows.reduce((m, x) => Math.max(m, x.duration_seconds), 0);
  return [
    {
      id: 'pick', title: '', width: '22px',
      cell: (x) => (
        <Checkbox
          size="xs" aria-label={t('selectToCompare', { name: x.name })} checked={chosen.includes(x.trace_id)} onClick={(e) => e.stopPropagation()}
          onChange={(e) => choose(e.currentTarget.checked ? [...chosen, x.trace_id].slice(-2) : chosen.filter((id) => id !== x.trace_id))}
        />
      ),
    },
    { id: 'start', title: t('start'), width: '118px', cell: (x) => <When time={x.start} /> },
    {
      id: 'name', title: t('root'), width: 'minmax(180px, 2fr)',
      cell: (x) => <span className={classes.name}><KindIcon kind={x.kind} scheme={scheme} /><Link to={`/traces/${x.trace_id}`} size="sm" title={x.trace_id}>{x.name}</Link>{x.partial && <Badge size="xs" variant="light" color="orange" tt="none">{t('partial')}</Badge>}</span>,
    },
    { id: 'service', title: c('service'), width: 'minmax(110px, 1fr)', cell: (x) => <span title={x.services?.join(', ')}>{x.service ?? x.services?.[0] ?? ''}{(x.services?.length ?? 0) > 1 && <Text span size="xs" c="dimmed"> +{(x.services?.length ?? 1) - 1}</Text>}</span> },
    {
      id: 'duration', title: c('duration'), width: '130px', align: 'right',
      cell: (x) => <span className={classes.bar} style={{ justifyContent: 'flex-end' }}><span className={classes.barFill} style={{ width: `${longest > 0 ? Math.max(1, (x.duration_seconds / longest) * 100) : 0}%`, background: kindColour(x.kind, scheme) }} /><Duration seconds={x.duration_seconds} /></span>,
    },
    { id: 'spans', title: t('spans'), width: '58px', align: 'right', cell: (x) => x.spans },
    { id: 'calls', title: c('calls'), width: '52px', align: 'right', cell: (x) => x.calls },
    { id: 'models', title: c('model'), width: 'minmax(120px, 1.2fr)', cell: (x) => <span title={x.models?.join(', ')}>{x.models?.join(', ') ?? ''}</span> },
    { id: 'tokens', title: c('tokens'), width: '112px', align: 'right', cell: (x) => <SumTokens calls={x.calls} input={x.input_tokens} output={x.output_tokens} /> },
    { id: 'cost', title: c('cost'), width: '96px', align: 'right', cell: (x) => <SumCost usd={x.cost_usd} calls={x.calls} unpriced={x.unpriced_calls} /> },
    { id: 'errors', title: c('errors'), width: '150px', cell: (x) => (x.errors > 0 ? <Badge size="xs" color="red" variant="light" tt="none">{x.errors} · {x.error_type ?? c('error')}</Badge> : '') },
  ];
}
