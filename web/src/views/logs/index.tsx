import { ActionIcon, Button, Group, Menu, MultiSelect, Paper, SegmentedControl, Stack, Switch, Text, Title, Tooltip } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { IconCopy, IconLayoutSidebarLeftCollapse, IconLayoutSidebarLeftExpand, IconPlayerPause, IconPlayerPlay, IconSearch } from '@tabler/icons-react';
import { lazy, Suspense, useCallback, useEffect, useMemo, useState } from 'react';
import type { Row } from '~/api/logsql';
import { LogsQLEditor, type LogsQLSource } from '~/editor';
import { count } from '~/format/number';
import { clock } from '~/format/time';
import { common } from '~/i18n/common';
import { useSettings } from '~/state/settings';
import { useTime } from '~/state/time';
import { useParam, useParams } from '~/state/url';
import { curl, useCopy } from '~/ui/Copy';
import { Empty, Failure, Loading } from '~/ui/states';
import { fieldValues, listFields, startsWith, useFieldNames, useRows } from './data';
import { Fields } from './Fields';
import { HitsChart } from './HitsChart';
import { effective, merge, shapeOf, toggle } from './logs';
import { m } from './messages';
import { Result } from './Result';
import { Rows } from './Rows';
import { tailCap, useTail } from './useTail';
import classes from './logs.module.css';

const Context = lazy(() => import('./Context'));

export default function View() {
  const t = m.useT();
  const c = common.useT();
  const { api } = useTime();
  const [, setParams] = useParams();
  const [query, setQuery] = useParam('query');
  const [allText, setAll] = useParam('all');
  const [live, setLive] = useParam('tail');
  const [order, setOrder] = useParam('order', 'newest');
  const [columnText, setColumns] = useParam('columns');
  const narrow = useMediaQuery('(max-width: 48em)');
  const [bare, setBare] = useParam('fields');
  const columns = useMemo(() => columnText.split(',').filter((x) => x !== ''), [columnText]);
  const all = allText === '1';
  const q = useMemo(() => effective(query, all), [query, all]);
  const shape = shapeOf(q.pipes);
  const names = useFieldNames(q.filter);
  const source = useSource(q.filter, names.data);
  const onToggle = useCallback((field: string, value: string, exclude: boolean) => setQuery(toggle(query, field, value, exclude), { push: true }), [query, setQuery]);
  const onColumn = useCallback((field: string) => setColumns((columns.includes(field) ? columns.filter((x) => x !== field) : [...columns, field]).join(',')), [columns, setColumns]);
  const fields = { query, onToggle, columns, onColumn };
  const kinds = all || /(^|[\s(!-])kind:/.test(query);
  const tailing = live === '1' && !shape.table && shape.paged;
  // On a phone the rows come first.
  const side = !shape.table && (bare === '' ? !narrow : bare === 'shown');
  return (
    <Stack gap="xs">
      <Group justify="space-between" gap="xs">
        <Title order={1} fz="lg">{c('logs')}</Title>
        <Group gap="md">
          <Tooltip label={t('allKindsHint')}><Switch size="xs" label={t('allKinds')} checked={all} onChange={(e) => setAll(e.currentTarget.checked ? '1' : null)} /></Tooltip>
          <Tooltip label={shape.paged ? t('liveHint') : t('tailPipes')}><Switch size="xs" label={t('live')} checked={tailing} disabled={!shape.paged} onChange={(e) => setLive(e.currentTarget.checked ? '1' : null)} /></Tooltip>
        </Group>
      </Group>
      <QueryBar query={query} source={source} onRun={(text) => setQuery(text.trim(), { push: true })} text={q.text} api={api} />
      <HitsChart filter={q.filter} by={kinds ? 'kind' : 'level'} />
      <div className={classes.layout} data-bare={side ? undefined : ''}>
        {side && <Paper withBorder p="xs" radius="md"><Fields filter={q.filter} {...fields} /></Paper>}
        <Stack gap="xs" style={{ minWidth: 0 }}>
          {!shape.table && (
            <Group gap="xs" justify="space-between">
              <Group gap="xs">
                <Tooltip label={side ? t('hideFields') : t('showFields')}><ActionIcon variant="default" size={30} aria-label={side ? t('hideFields') : t('showFields')} aria-expanded={side} onClick={() => setBare(side ? 'hidden' : 'shown')}>{side ? <IconLayoutSidebarLeftCollapse size={16} /> : <IconLayoutSidebarLeftExpand size={16} />}</ActionIcon></Tooltip>
                <SegmentedControl size="xs" aria-label={t('order')} value={order} disabled={tailing || !shape.paged} onChange={setOrder} data={[{ value: 'newest', label: t('newest') }, { value: 'oldest', label: t('oldest') }]} />
              </Group>
              <MultiSelect size="xs" miw={200} maw={460} searchable clearable value={columns} onChange={(v) => setColumns(v.join(','))} data={[...new Set([...columns, ...(names.data ?? []).map((n) => n.value)])].filter((n) => !n.startsWith('_')).sort()} limit={200} placeholder={columns.length === 0 ? c('columns') : undefined} aria-label={t('columnsHint')} nothingFoundMessage={t('noColumns')} clearButtonProps={{ 'aria-label': c('clear') }} />
            </Group>
          )}
          {tailing
            ? <Live filter={q.filter} pipes={q.pipes} kinds={kinds} {...fields} />
            : <Found q={q} shape={shape} oldest={order === 'oldest'} kinds={kinds} onAll={all ? undefined : () => setAll('1')} onClear={query === '' ? undefined : () => setParams({ query: null }, { push: true })} {...fields} />}
        </Stack>
      </div>
    </Stack>
  );
}

/** What the completion asks: always the present range and filter. */
function useSource(filter: string, names: { value: string; hits: number }[] | undefined): LogsQLSource {
  const { api } = useTime();
  return useMemo(() => ({
    fields: () => Promise.resolve((names ?? []).map((n) => ({ name: n.value, hits: n.hits }))),
    // The values are those of all rows of the kind: the filter that is being written may not hold yet.
    values: (field, prefix) => fieldValues([/^\(?kind:\S+/.exec(filter)?.[0] ?? '*', startsWith(field, prefix)].join(' ').trim(), field, api, 60),
  }), [api, filter, names]);
}

function QueryBar({ query, source, onRun, text, api }: { query: string; source: LogsQLSource; onRun: (text: string) => void; text: string; api: { start: string; end: string } }) {
  const t = m.useT();
  const c = common.useT();
  const copy = useCopy();
  const [draft, setDraft] = useState(query);
  useEffect(() => setDraft(query), [query]);
  return (
    <div className={classes.bar}>
      <LogsQLEditor value={draft} onChange={setDraft} onRun={onRun} label={t('editor')} placeholder={t('placeholder')} source={source} search />
      <Button size="xs" variant={draft.trim() === query ? 'light' : 'filled'} leftSection={<IconSearch size={14} />} onClick={() => onRun(draft)}>{t('run')}</Button>
      <Menu position="bottom-end" withinPortal>
        <Menu.Target><Tooltip label={c('copyAs')}><ActionIcon variant="default" size={30} aria-label={c('copyAs')}><IconCopy size={15} /></ActionIcon></Tooltip></Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => copy(text)}>{c('copyLogsQL')}</Menu.Item>
          <Menu.Item onClick={() => copy(curl('/select/logsql/query', { query: text, start: api.start, end: api.end, limit: 100 }))}>{c('copyCurl')}</Menu.Item>
          <Menu.Item onClick={() => copy(window.location.href)}>{c('copyLink')}</Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </div>
  );
}

interface FieldProps {
  query: string;
  onToggle: (field: string, value: string, exclude: boolean) => void;
  columns: readonly string[];
  onColumn: (field: string) => void;
}

/** Rows that are open, and the one whose surroundings are shown. */
function useOpen() {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [context, setContext] = useState<Row>();
  const onOpen = useCallback((k: string) => setOpen((was) => new Set(was.has(k) ? [...was].filter((x) => x !== k) : [...was, k])), []);
  return { open, onOpen, context, setContext };
}

function Found({ q, shape, oldest, kinds, onAll, onClear, ...fields }: { q: ReturnType<typeof effective>; shape: ReturnType<typeof shapeOf>; oldest: boolean; kinds: boolean; onAll: (() => void) | undefined; onClear: (() => void) | undefined } & FieldProps) {
  const t = m.useT();
  const rows = useRows(q.filter, q.pipes, fields.columns, oldest, shape.paged, true);
  const { open, onOpen, context, setContext } = useOpen();
  const list = useMemo(() => (rows.data === undefined ? [] : shape.paged ? merge(rows.data.pages) : rows.data.pages.flat()), [rows.data, shape.paged]);
  if (rows.data === undefined) return rows.error === null ? <Loading height={320} /> : <Failure error={rows.error} retry={() => void rows.refetch()} />;
  if (shape.table) return <Result rows={list} text={q.text} stats={shape.stats} />;
  if (list.length === 0) {
    const none = onAll !== undefined && onClear === undefined && !kinds;
    return (
      <Paper withBorder radius="md">
        <Empty
          title={none ? t('noLogs') : t('noRows')} hint={none ? t('noLogsHint') : t('noRowsHint')} height={240}
          action={<Group gap="xs">{onAll && <Button size="xs" variant="light" onClick={onAll}>{t('showAll')}</Button>}{onClear && <Button size="xs" variant="default" onClick={onClear}>{t('clearQuery')}</Button>}</Group>}
        />
      </Paper>
    );
  }
  return (
    <Paper withBorder radius="md" style={{ overflow: 'hidden' }} aria-busy={rows.isFetching}>
      <Rows
        rows={list} kinds={kinds} open={open} onOpen={onOpen} onContext={setContext} oldest={oldest} {...fields}
        onEnd={() => { if (rows.hasNextPage && !rows.isFetchingNextPage) void rows.fetchNextPage(); }}
        footer={rows.isFetchNextPageError ? <Failure error={rows.error} compact retry={() => void rows.fetchNextPage()} /> : rows.hasNextPage ? `${t('loadingMore')} (${count(list.length)})` : `${t('end')} (${count(list.length)})`}
      />
      {context !== undefined && <Suspense fallback={null}><Context row={context} onClose={() => setContext(undefined)} /></Suspense>}
    </Paper>
  );
}

function Live({ filter, pipes, kinds, ...fields }: { filter: string; pipes: readonly string[]; kinds: boolean } & FieldProps) {
  const t = m.useT();
  const { zone } = useSettings();
  const query = [filter, ...pipes, ...(pipes.length === 0 ? [`fields ${listFields(fields.columns)}`] : [])].join(' | ');
  const live = useTail(query, true);
  const { open, onOpen, context, setContext } = useOpen();
  return (
    <Paper withBorder radius="md" style={{ overflow: 'hidden' }}>
      <Group justify="space-between" px="xs" py={4}>
        <Text size="xs" c="dimmed" role="status">{live.paused ? t('paused', { count: live.waiting }) : t('liveRows', { count: live.seen, time: clock(live.since, zone), max: tailCap })}</Text>
        <Button size="compact-xs" variant="light" leftSection={live.paused ? <IconPlayerPlay size={12} /> : <IconPlayerPause size={12} />} onClick={() => live.setPaused(!live.paused)}>{live.paused ? t('resume') : t('pause')}</Button>
      </Group>
      {live.error !== null && <Failure error={live.error} compact />}
      {live.rows.length === 0 ? <Empty title={t('waiting')} hint={query} height={200} /> : <Rows rows={live.rows} kinds={kinds} open={open} onOpen={onOpen} onContext={setContext} oldest={false} {...fields} />}
      {context !== undefined && <Suspense fallback={null}><Context row={context} onClose={() => setContext(undefined)} /></Suspense>}
    </Paper>
  );
}
