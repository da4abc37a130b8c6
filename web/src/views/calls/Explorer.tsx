// The explorer of calls: a filter, facets, calls over time, and the list, as a
// table, as points, or as it grows.

import { Box, Button, Drawer, Group, NativeSelect, SegmentedControl, Switch } from '@mantine/core';
import { useDisclosure, useMediaQuery } from '@mantine/hooks';
import { IconFilter } from '@tabler/icons-react';
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { Call } from '~/api/types';
import { useTime } from '~/state/time';
import { useParam, useParams } from '~/state/url';
import { Loading } from '~/ui/states';
import { CallTable } from './CallTable';
import { Chips } from './Chips';
import { parseColumns, type ColumnId } from './columns';
import classes from './explorer.module.css';
import { Facets } from './Facets';
import { apiParams, fullLogsQL, isEmpty, readFilters, urlChanges, type Filters } from './filters';
import { Histogram, totalsOf, useHistogram } from './Histogram';
import { ColumnMenu, CopyMenu, ExportMenu } from './Menus';
import { calls } from './messages';
import { Panel } from './Panel';
import { QueryBar } from './QueryBar';
import { orders, useCalls, type Order } from './useCalls';

const Live = lazy(() => import('./Live'));
const Scatter = lazy(() => import('./Scatter'));

const stored = { columns: 'pitot.calls.columns', dense: 'pitot.calls.dense' };

/** The columns of the URL; without, those that were chosen last in this browser. */
function useChosenColumns(): [ColumnId[], (c: ColumnId[]) => void] {
  const [param, setParam] = useParam('columns');
  const chosen = useMemo(() => parseColumns(param === '' ? window.localStorage.getItem(stored.columns) : param), [param]);
  const set = (c: ColumnId[]) => {
    window.localStorage.setItem(stored.columns, c.join(','));
    setParam(c.join(','));
  };
  return [chosen, set];
}

/** The filter of the URL, and how to change it. What it finds is another list: the open call is closed. */
export function useFilters(): [Filters, (f: Filters) => void] {
  const [params, set] = useParams();
  const text = params.toString();
  const filters = useMemo(() => readFilters(new URLSearchParams(text)), [text]);
  const change = useCallback((f: Filters) => set(urlChanges(f, new URLSearchParams(window.location.search)), { push: true }), [set]);
  return [filters, change];
}

export default function Explorer() {
  const t = calls.useT();
  const [filters, setFilters] = useFilters();
  const [view, setView] = useParam('view', 'table');
  const [live, setLive] = useParam('live');
  const [open, setOpen] = useParam('call');
  const [columns, setColumns] = useChosenColumns();
  const [dense, setDense] = useState(() => window.localStorage.getItem(stored.dense) !== '0');
  const [menu, drawer] = useDisclosure(false);
  const wide = useMediaQuery('(min-width: 62em)', true, { getInitialValueInEffect: false });
  // Beside an open call, facets have a place on large screens only.
  const roomy = useMediaQuery('(min-width: 100em)', true, { getInitialValueInEffect: false });
  const beside = wide && (open === '' || roomy);
  const following = live === '1' && view !== 'scatter';
  const filter = useMemo(() => apiParams(filters), [filters]);
  const { api } = useTime();
  const [orderParam, setOrder] = useParam('order', 'newest');
  const order: Order = (orders as readonly string[]).includes(orderParam) ? (orderParam as Order) : 'newest';
  const [pick, setPick] = useParam('pick');
  const picked = pick === '' ? [] : pick.split(',').slice(0, 2);
  const histogram = useHistogram(filter, !following);
  const [reading, setReading] = useState(false);
  const list = useCalls(filter, order, reading || open !== '' || picked.length > 0, !following && view !== 'scatter');
  // Not state: the page is not drawn anew for each call that comes in.
  const tail = useRef<readonly Call[]>([]);
  const onTail = useCallback((rows: readonly Call[]) => { tail.current = rows; }, []);
  const step = (by: 1 | -1) => {
    const rows = following ? tail.current : list.rows;
    const at = rows.findIndex((c) => c.id === open);
    const next = rows[at + by];
    if (next) setOpen(next.id);
    if (!following && at + by >= rows.length - 5) list.more();
  };
  const steps = view !== 'scatter' && (following || list.rows.some((c) => c.id === open));
  const onPick = useCallback((ids: string[]) => setPick(ids.join(',')), [setPick]);
  // Back closes what was opened from the list; from call to call it goes in place.
  const show = useCallback((id: string) => setOpen(id, { push: open === '' }), [setOpen, open]);
  const onOpen = useCallback((c: Call) => show(c.id), [show]);
  useEffect(() => setReading(false), [filter, order]);

  const facets = <Facets filters={filters} onChange={setFilters} enabled={beside || menu} />;
  const total = totalsOf(histogram.data)?.calls;
  return (
    <div className={classes.page}>
      <QueryBar filters={filters} onChange={setFilters} error={list.error ?? histogram.error}>
        <Group gap={6} wrap="nowrap">
          {!beside && <Button size="xs" variant="default" leftSection={<IconFilter size={14} />} onClick={drawer.open}>{t('showFilters')}</Button>}
          <SegmentedControl size="xs" aria-label={t('view')} value={view === 'scatter' ? 'scatter' : 'table'} onChange={(v) => setView(v, { push: true })} data={[{ value: 'table', label: t('table') }, { value: 'scatter', label: t('scatter') }]} />
        </Group>
      </QueryBar>
      <Chips filters={filters} onChange={setFilters} />
      <div className={classes.body}>
        {beside ? <aside className={`${classes.paper} ${classes.facets}`} aria-label={t('facets')}>{facets}</aside> : <Drawer opened={menu} onClose={drawer.close} title={t('filters')} size="xs">{menu && facets}</Drawer>}
        <div className={classes.main}>
          {view === 'scatter' ? (
            <Suspense fallback={<Loading height={360} />}><Scatter filters={filters} open={open} onOpen={show} /></Suspense>
          ) : (
            <>
              {!following && <Box className={classes.paper}><Histogram query={histogram} height={wide ? 84 : 70} /></Box>}
              <div className={`${classes.paper} ${classes.table}`}>
                <div className={classes.tools}>
                  <Group gap="xs">
                    <Switch size="xs" label={t('live')} checked={following} onChange={(e) => setLive(e.currentTarget.checked ? '1' : null, { push: true })} aria-label={t('liveTail')} />
                    {!following && <NativeSelect size="xs" variant="unstyled" className={classes.order} aria-label={t('order')} value={order} onChange={(e) => setOrder(e.currentTarget.value, { push: true })} data={orders.map((o) => ({ value: o, label: t(o) }))} />}
                  </Group>
                  <Group gap={2}>
                    <CopyMenu logsql={fullLogsQL(filters, api)} params={{ ...filter, ...api, order }} />
                    <ExportMenu filter={filter} range={api} order={order} total={total} />
                    <ColumnMenu chosen={columns} onChange={setColumns} dense={dense} onDense={(d) => { setDense(d); window.localStorage.setItem(stored.dense, d ? '1' : '0'); }} />
                  </Group>
                </div>
                {following ? (
                  <Suspense fallback={<Loading height={200} />}><Live filters={filters} columns={columns} dense={dense} open={open} onOpen={onOpen} onRows={onTail} /></Suspense>
                ) : (
                  <CallTable list={list} columns={columns} dense={dense} order={order} onOrder={(o) => setOrder(o, { push: true })} open={open} onOpen={onOpen} picked={picked} onPick={onPick} filtered={!isEmpty(filters)} onScrolled={setReading} />
                )}
              </div>
            </>
          )}
        </div>
        {open !== '' && <Panel id={open} onClose={() => setOpen(null)} onStep={steps ? step : undefined} />}
      </div>
    </div>
  );
}
