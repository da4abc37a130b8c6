// The table of the calls that match.

import { Button, Checkbox, Group, Loader, Text, VisuallyHidden } from '@mantine/core';
import { useMemo, type ReactNode } from 'react';
import { useLocation, useSearch } from 'wouter';
import { ApiError } from '~/api/client';
import type { Call } from '~/api/types';
import { count } from '~/format/number';
import { withRange } from '~/state/url';
import { DataTable, type Column } from '~/ui/DataTable';
import { Link } from '~/ui/Link';
import { Empty, Failure, Loading } from '~/ui/states';
import { When } from '~/ui/values';
import { orderOf, useColumns, type ColumnId } from './columns';
import classes from './explorer.module.css';
import { calls } from './messages';
import { windowSize, type CallList, type Order } from './useCalls';

export interface CallTableProps {
  list: CallList;
  columns: readonly ColumnId[];
  dense: boolean;
  order: Order;
  onOrder: (o: Order) => void;
  open: string;
  onOpen: (call: Call) => void;
  picked: readonly string[];
  onPick: (ids: string[]) => void;
  filtered: boolean;
  onScrolled: (scrolled: boolean) => void;
}

/** A column of boxes: two calls can be compared. */
export function usePickColumn(picked: readonly string[], onPick: (ids: string[]) => void): Column<Call> {
  const t = calls.useT();
  return useMemo(() => ({
    id: 'pick', title: <VisuallyHidden>{t('pick')}</VisuallyHidden>, width: '18px',
    cell: (c: Call) => <Checkbox size="xs" aria-label={t('pickCall', { id: c.id })} checked={picked.includes(c.id)} onClick={(e) => e.stopPropagation()} onChange={(e) => onPick(e.currentTarget.checked ? [...picked, c.id].slice(-2) : picked.filter((x) => x !== c.id))} />,
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }), [picked.join(','), onPick]);
}

export function CallTable({ list, columns, dense, order, onOrder, open, onOpen, picked, onPick, filtered, onScrolled }: CallTableProps) {
  const t = calls.useT();
  const shown = useColumns(columns);
  const pick = usePickColumn(picked, onPick);
  const all = useMemo(() => [pick, ...shown], [pick, shown]);
  const sort = order === 'oldest' || order === 'newest' ? 'time' : order;
  const onSort = (s: string) => onOrder(s === orderOf.time ? (order === 'newest' ? 'oldest' : 'newest') : (s as Order));
  if (list.error && list.rows.length === 0) {
    return list.error instanceof ApiError && list.error.code === 'bad_query' ? <Empty title={t('nothing')} hint={t('filterWrong')} /> : <Failure error={list.error} retry={list.retry} />;
  }
  if (list.pending) return <Loading height={520} rows />;
  if (list.rows.length === 0) return <Empty title={t('nothing')} hint={filtered ? t('nothingFiltered') : t('nothingAtAll')} action={filtered ? undefined : <Link to="/setup" size="sm">{t('connect')}</Link>} height={260} />;
  return (
    <div className={classes.rows} onScrollCapture={(e) => onScrolled(e.target instanceof HTMLElement && e.target.scrollTop > 40)}>
      {(list.stale || list.firstWindow) && (
        <Group className={classes.pill} gap={6} wrap="nowrap">
          {list.firstWindow && <Button size="compact-xs" radius="xl" variant="default" onClick={list.firstWindow}>{t('firstWindow')}</Button>}
          {list.stale && <Button size="compact-xs" radius="xl" onClick={list.refresh}>{t('refreshList')}</Button>}
        </Group>
      )}
      <DataTable
        columns={all} rows={list.rows} of={list.of} rowKey={(c) => c.id} label={t('tableLabel')} rowHeight={dense ? 26 : 34} height="100%" order={sort} descending={order !== 'oldest'} onSort={onSort} onOpen={onOpen} selected={open === '' ? undefined : open}
        onEnd={list.more} rowTone={(c) => (c.status === 'error' ? 'critical' : undefined)} footer={<Foot list={list} />}
      />
      <Picked picked={picked} onPick={onPick} />
    </div>
  );
}

function Foot({ list }: { list: CallList }): ReactNode {
  const t = calls.useT();
  if (list.loading || list.hasMore) return <Group gap={6} justify="center"><Loader size={12} /> {t('loadingMore')}</Group>;
  return (
    <Group gap="xs" justify="center">
      {list.full ? <span>{t('windowFull', { n: count(windowSize) })}</span> : <span>{t('endOfList', { count: list.rows.length })}</span>}
      {list.full && <Button size="compact-xs" variant="light" onClick={list.nextWindow}>{t('nextWindow', { n: count(windowSize) })}</Button>}
      {list.stale && <Text size="xs" c="dimmed" component="span">{t('staleList', { time: '' })}<When time={list.end} /></Text>}
    </Group>
  );
}

function Picked({ picked, onPick }: { picked: readonly string[]; onPick: (ids: string[]) => void }) {
  const t = calls.useT();
  const search = useSearch();
  const [, navigate] = useLocation();
  if (picked.length === 0) return null;
  return (
    <div className={classes.picked} role="status">
      <Text size="xs">{t('picked', { count: picked.length })}{picked.length === 1 ? `. ${t('pickAnother')}` : ''}</Text>
      {picked.length === 2 && <Button size="compact-xs" onClick={() => navigate(withRange(`/calls/compare?a=${picked[0]}&b=${picked[1]}`, search))}>{t('compareTwo')}</Button>}
      <Button size="compact-xs" variant="subtle" color="gray" onClick={() => onPick([])}>{t('dropPick')}</Button>
    </div>
  );
}
