// One trace: its totals, and views of its spans.

import { ActionIcon, Alert, Badge, Button, Checkbox, Group, Popover, Stack, Tabs, Text, TextInput, Title, Tooltip } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { IconAlertTriangle, IconArrowsDiff, IconBinaryTree, IconChevronDown, IconChevronUp, IconChartBar, IconCode, IconFold, IconListDetails, IconSearch, IconZoomReset } from '@tabler/icons-react';
import { lazy, Suspense, useCallback, useDeferredValue, useEffect, useMemo, useState } from 'react';
import { useLocation } from 'wouter';
import type { Trace } from '~/api/types';
import { colour } from '~/chart/palette';
import { useScheme } from '~/chart/TimeChart';
import { count, duration } from '~/format/number';
import { common } from '~/i18n/common';
import { useParam, useParams, withRange } from '~/state/url';
import type { View } from '~/timeline/view';
import { CopyButton } from '~/ui/Copy';
import { Link } from '~/ui/Link';
import { Failure, Loading } from '~/ui/states';
import { When } from '~/ui/values';
import { criticalPath } from './critical';
import { endOf, useTrace, useTraceLogs, useTraceTicks } from './data';
import { kindColour } from './kinds';
import { traces as messages } from './messages';
import { Minimap } from './Minimap';
import { SumCost, SumTokens } from './Sum';
import { agrees, buildTree, parentsFrom, search, withoutPlain, type LogLine, type Tree } from './tree';
import { Waterfall } from './Waterfall';
import waterfall from './waterfall.module.css';

const SpanPanel = lazy(() => import('./SpanPanel'));
const GraphView = lazy(() => import('./GraphView'));
const Operations = lazy(() => import('./Operations'));
const JsonView = lazy(() => import('./JsonView'));

export default function Detail({ id }: { id: string }) {
  const query = useTrace(id);
  if (query.data === undefined) return query.error ? <Failure error={query.error} retry={() => void query.refetch()} /> : <Loading height={480} />;
  return <TracePage trace={query.data} />;
}

function TracePage({ trace }: { trace: Trace }) {
  const t = messages.useT();
  const c = common.useT();
  const [params, set] = useParams();
  const [tab, setTab] = useParam('tab', 'waterfall');
  const plainHidden = params.get('plain') === 'hidden';
  const tree = useMemo(() => buildTree(trace), [trace]);
  const shown = useMemo(() => (plainHidden ? buildTree({ ...trace, spans: withoutPlain(trace.spans) }) : tree), [plainHidden, trace, tree]);
  const selected = params.get('span') ?? undefined;
  const select = useCallback((span: string | null) => set({ span }), [set]);
  const [log, setLog] = useState<LogLine>();
  const wide = useMediaQuery('(min-width: 75em)') ?? true;
  const node = selected === undefined ? undefined : tree.nodes[tree.byId.get(selected) ?? -1];
  const logs = useTraceLogs(trace);
  const panel = (node !== undefined || log !== undefined) && (
    <Suspense fallback={<Loading height={300} />}>
      <SpanPanel trace={trace} tree={tree} node={node} log={log} logs={logs.data?.lines ?? []} drawer={!wide} onSelect={(x) => { setLog(undefined); select(x); }} onClose={() => { setLog(undefined); select(null); }} />
    </Suspense>
  );
  return (
    <Stack gap="xs">
      <Head trace={trace} tree={tree} />
      <div className={waterfall.layout}>
        <div className={waterfall.main}>
          <Tabs value={tab} onChange={(v) => setTab(v ?? 'waterfall', { push: true })} keepMounted={false} variant="default">
            <Tabs.List aria-label={t('tabs')} mb="xs">
              <Tabs.Tab value="waterfall" leftSection={<IconChartBar size={14} />}>{t('waterfall')}</Tabs.Tab>
              <Tabs.Tab value="graph" leftSection={<IconBinaryTree size={14} />}>{t('graph')}</Tabs.Tab>
              <Tabs.Tab value="operations" leftSection={<IconListDetails size={14} />}>{t('operations')}</Tabs.Tab>
              <Tabs.Tab value="json" leftSection={<IconCode size={14} />}>{t('json')}</Tabs.Tab>
            </Tabs.List>
            <Tabs.Panel value="waterfall"><WaterfallTab trace={trace} tree={shown} logs={logs.data?.lines ?? []} selected={selected} onSelect={(x) => { setLog(undefined); select(x); }} onLog={setLog} /></Tabs.Panel>
            <Tabs.Panel value="graph"><Suspense fallback={<Loading height={400} />}><GraphView tree={tree} onSelect={select} /></Suspense></Tabs.Panel>
            <Tabs.Panel value="operations"><Suspense fallback={<Loading height={400} />}><Operations tree={tree} onFind={(text) => set({ tab: null, find: text }, { push: true })} /></Suspense></Tabs.Panel>
            <Tabs.Panel value="json"><Suspense fallback={<Loading height={400} />}><JsonView trace={trace} /></Suspense></Tabs.Panel>
          </Tabs>
        </div>
        {wide && panel !== false && <aside className={waterfall.side} aria-label={c('details')}>{panel}</aside>}
      </div>
      {!wide && panel}
    </Stack>
  );
}

function Head({ trace, tree }: { trace: Trace; tree: Tree }) {
  const t = messages.useT();
  const c = common.useT();
  const root = tree.nodes[tree.roots[0] ?? -1]?.span;
  const session = trace.spans.map((s) => s.call?.session ?? s.span?.session).find((s) => s !== undefined);
  const user = trace.spans.map((s) => s.call?.user ?? s.span?.user).find((s) => s !== undefined);
  const range = `start=${new Date(Date.parse(trace.start) - 60_000).toISOString()}&end=${new Date(endOf(trace) + 60_000).toISOString()}`;
  return (
    <Stack gap={4}>
      <Group gap="xs" wrap="wrap" justify="space-between">
        <Group gap={8} style={{ minWidth: 0 }}>
          <Title order={1} fz="lg" style={{ overflowWrap: 'anywhere' }}>{root?.name ?? trace.trace_id}</Title>
          <Text size="xs" c="dimmed" className="mono">{trace.trace_id.slice(0, 16)}…</Text>
          <CopyButton text={trace.trace_id} label={t('copyId')} />
        </Group>
        <Group gap={6}>
          <Link to={`/logs?${range}&query=${encodeURIComponent(`trace_id:="${trace.trace_id}"`)}`} size="xs">{t('openInLogs')}</Link>
          <Link to={`/calls?${range}&trace_id=${trace.trace_id}`} size="xs">{t('openCalls')}</Link>
          <CompareWith id={trace.trace_id} />
        </Group>
      </Group>
      <Group gap="md" wrap="wrap" fz="sm">
        <span><When time={trace.start} millis /></span>
        <span><b className="num">{duration(trace.duration_seconds)}</b></span>
        <span>{t('spanCount', { count: trace.spans.length, n: count(trace.spans.length) })}</span>
        <span>{c('callCount', { count: trace.calls })}</span>
        <span><SumTokens calls={trace.calls} input={trace.input_tokens} output={trace.output_tokens} /> {c('tokens').toLowerCase()}</span>
        <span><SumCost usd={trace.cost_usd} calls={trace.calls} unpriced={trace.unpriced_calls} estimated={tree.total.estimated} /></span>
        {trace.errors > 0 && <Badge size="sm" color="red" variant="light" tt="none">{t('errorCount', { count: trace.errors })}</Badge>}
        {trace.duplicates !== undefined && trace.duplicates > 0 && <Tooltip label={t('duplicatesHint')} multiline maw={320}><Badge size="sm" color="gray" variant="light" tt="none" tabIndex={0}>{t('duplicates', { count: trace.duplicates })}</Badge></Tooltip>}
        {session !== undefined && <span>{t('toSession')}: <Link to={`/sessions/${encodeURIComponent(session)}`} size="sm">{session}</Link></span>}
        {user !== undefined && <span>{c('user')}: <Link to={`/traces?user=${encodeURIComponent(user)}`} size="sm">{user}</Link></span>}
      </Group>
      {trace.partial === true && <Alert color="orange" variant="light" p={8} icon={<IconAlertTriangle size={16} />}><Text size="sm">{t('missingRecords', { count: trace.missing_records ?? 0, n: count(trace.missing_records ?? 0) })}</Text></Alert>}
      {!agrees(tree, trace) && <Text size="xs" c="orange">{t('disagrees')}</Text>}
    </Stack>
  );
}

function CompareWith({ id }: { id: string }) {
  const t = messages.useT();
  const c = common.useT();
  const [, navigate] = useLocation();
  const [other, setOther] = useState('');
  const valid = /^[0-9a-fA-F]{1,32}$/.test(other.trim());
  return (
    <Popover position="bottom-end" trapFocus withinPortal>
      <Popover.Target><Button size="compact-xs" variant="default" leftSection={<IconArrowsDiff size={13} />}>{t('compareWith')}</Button></Popover.Target>
      <Popover.Dropdown p="xs">
        <form onSubmit={(e) => { e.preventDefault(); if (valid) navigate(withRange(`/traces/compare?a=${id}&b=${other.trim()}`, window.location.search)); }}>
          <Group gap={6} align="flex-end" wrap="nowrap">
            <TextInput size="xs" w={260} label={t('compareHint')} value={other} onChange={(e) => setOther(e.currentTarget.value)} data-autofocus />
            <Button size="xs" type="submit" disabled={!valid}>{c('open')}</Button>
          </Group>
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}

interface WaterfallTabProps {
  trace: Trace;
  tree: Tree;
  logs: readonly LogLine[];
  selected?: string;
  onSelect: (id: string | null) => void;
  onLog: (log: LogLine) => void;
}

function WaterfallTab({ trace, tree, logs, selected, onSelect, onLog }: WaterfallTabProps) {
  const t = messages.useT();
  const [params, set] = useParams();
  const find = params.get('find') ?? '';
  const [text, setText] = useState(find);
  useEffect(() => setText(find), [find]);
  const sought = useDeferredValue(text);
  const found = useMemo(() => search(tree, sought), [tree, sought]);
  const matches = useMemo(() => new Set(found.map((i) => tree.nodes[i]?.span.span_id ?? '')), [found, tree]);
  const [at, setAt] = useState(0);
  const [collapsed, setCollapsed] = useState<ReadonlySet<string>>(new Set());
  const [target, setTarget] = useState<{ id: string; wish: number } | undefined>(() => (selected === undefined ? undefined : { id: selected, wish: 1 }));
  const [view, setView] = useZoom(tree.duration);
  const showLogs = params.get('logs') !== 'hidden';
  const showCritical = params.get('critical') !== 'hidden';
  const critical = useMemo(() => criticalPath(tree), [tree]);
  const ticks = useTraceTicks(trace);
  const wish = (id: string) => setTarget((was) => ({ id, wish: (was?.wish ?? 1) + 1 }));
  const onMatch = (by: 1 | -1) => {
    if (found.length === 0) return;
    const next = (at + by + found.length) % found.length;
    setAt(next);
    wish(tree.nodes[found[next] ?? 0]?.span.span_id ?? '');
  };
  useEffect(() => {
    setAt(0);
    const first = tree.nodes[found[0] ?? -1];
    if (first !== undefined) setTarget((was) => ({ id: first.span.span_id, wish: (was?.wish ?? 1) + 1 }));
  }, [found, tree]);
  const changeText = (v: string) => {
    setText(v);
    set({ find: v === '' ? null : v });
  };
  return (
    <Stack gap={6}>
      <Group gap={8} justify="space-between">
        <Group gap={6}>
          <TextInput
            size="xs" w={230} leftSection={<IconSearch size={14} />} aria-label={t('find')} placeholder={t('find')} data-search value={text} onChange={(e) => changeText(e.currentTarget.value)}
            onKeyDown={(e) => { if (e.key === 'Enter') { e.preventDefault(); onMatch(e.shiftKey ? -1 : 1); } else if (e.key === 'Escape') changeText(''); }}
          />
          {text !== '' && (
            <>
              <ActionIcon size="sm" variant="subtle" color="gray" aria-label={t('previousMatch')} disabled={found.length === 0} onClick={() => onMatch(-1)}><IconChevronUp size={15} /></ActionIcon>
              <ActionIcon size="sm" variant="subtle" color="gray" aria-label={t('nextMatch')} disabled={found.length === 0} onClick={() => onMatch(1)}><IconChevronDown size={15} /></ActionIcon>
              <Text size="xs" c="dimmed" role="status">{found.length === 0 ? t('notFound') : t('found', { at: at + 1, all: found.length })}</Text>
            </>
          )}
        </Group>
        <Group gap={12}>
          <Tooltip label={t('criticalHint', { d: duration(critical.total), spans: critical.sections.size })}><Checkbox size="xs" label={t('showCritical')} checked={showCritical} onChange={(e) => set({ critical: e.currentTarget.checked ? null : 'hidden' })} /></Tooltip>
          {logs.length > 0 && <Checkbox size="xs" label={`${t('showLogs')} (${logs.length})`} checked={showLogs} onChange={(e) => set({ logs: e.currentTarget.checked ? null : 'hidden' })} />}
          <Tooltip label={t('onlyAIHint')}><Checkbox size="xs" label={t('onlyAI')} checked={params.get('plain') === 'hidden'} onChange={(e) => set({ plain: e.currentTarget.checked ? 'hidden' : null })} /></Tooltip>
          <Group gap={2}>
            <Button size="compact-xs" variant="default" onClick={() => setCollapsed(new Set())}>{t('expandAll')}</Button>
            <Button size="compact-xs" variant="default" leftSection={<IconFold size={13} />} onClick={() => setCollapsed(parentsFrom(tree, 1))}>{t('collapseAll')}</Button>
            <Tooltip label={t('resetZoom')}><ActionIcon size="sm" variant="default" aria-label={t('resetZoom')} disabled={view.to - view.from >= tree.duration * 0.999} onClick={() => setView({ from: 0, to: tree.duration })}><IconZoomReset size={14} /></ActionIcon></Tooltip>
          </Group>
        </Group>
      </Group>
      <Minimap tree={tree} view={view} onView={setView} />
      <Waterfall tree={tree} start={Date.parse(trace.start)} view={view} onView={setView} collapsed={collapsed} onCollapsed={setCollapsed} logs={showLogs ? logs : none} ticks={ticks} critical={showCritical ? critical : undefined} matches={matches} selected={selected} onSelect={onSelect} onLog={onLog} onMatch={onMatch} target={target} />
      <Legend tree={tree} />
    </Stack>
  );
}

const none: readonly LogLine[] = [];

/** The part of the time in sight; in the URL once it stands still. */
function useZoom(whole: number): [View, (v: View) => void] {
  const [text, setText] = useParam('zoom');
  const [view, setView] = useState<View>(() => {
    const m = /^([\d.]+)-([\d.]+)$/.exec(text);
    const from = Number(m?.[1]);
    const to = Number(m?.[2]);
    return m !== null && to > from && from < whole ? { from, to: Math.min(to, whole) } : { from: 0, to: whole };
  });
  const full = view.from <= 0 && view.to >= whole * 0.999;
  useEffect(() => {
    const timer = window.setTimeout(() => setText(full ? null : `${Number(view.from.toPrecision(7))}-${Number(view.to.toPrecision(7))}`), 400);
    return () => window.clearTimeout(timer);
  }, [view, full, setText]);
  // A trace that was running grows.
  const bounded = useMemo(() => (full ? { from: 0, to: whole } : view), [full, view, whole]);
  return [bounded, setView];
}

function Legend({ tree }: { tree: Tree }) {
  const t = messages.useT();
  const scheme = useScheme();
  const services = useMemo(() => [...new Set(tree.nodes.map((n) => n.span.service ?? ''))].filter((s) => s !== '').slice(0, 12), [tree]);
  const kinds = useMemo(() => [...new Set(tree.nodes.map((n) => n.span.kind))], [tree]);
  return (
    <Group justify="space-between" gap="xs">
      <div className={waterfall.legend}>
        {kinds.map((k) => <span key={k} className={waterfall.legendItem}><span className={waterfall.dot} style={{ background: kindColour(k, scheme), height: 8 }} />{t(`kind-${k}`)}</span>)}
        {services.length > 1 && services.map((s) => <span key={s} className={waterfall.legendItem}><span className={waterfall.dot} style={{ background: colour(s, scheme), width: 3, height: 12 }} />{s}</span>)}
      </div>
      <Text size="xs" c="dimmed" visibleFrom="sm">{t('keys')}</Text>
    </Group>
  );
}
