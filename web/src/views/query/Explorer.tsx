import { Badge, Button, Code, Drawer, Group, Stack, Text, TextInput, UnstyledButton } from '@mantine/core';
import { IconArrowLeft, IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useMemo, useRef, useState } from 'react';
import { prom, promDuration, quote } from '~/api/prom';
import { common } from '~/i18n/common';
import { useTime } from '~/state/time';
import { PromQLText } from '~/editor';
import { Empty, States } from '~/ui/states';
import { m } from './messages';
import type { Tab } from './state';
import { familyOf, suggest } from './suggest';
import classes from './query.module.css';

interface Metadata {
  type: string;
  help: string;
  unit: string;
}

interface Metric {
  name: string;
  type: string;
  help: string;
}

async function metrics(start: number, end: number, signal: AbortSignal): Promise<Metric[]> {
  const [names, meta] = await Promise.all([
    prom<string[]>('/label/__name__/values', { start, end }, signal),
    prom<Record<string, Metadata[]>>('/metadata', {}, signal),
  ]);
  const known = new Set(Object.keys(meta.data));
  return names.data.map((name) => {
    const d = meta.data[familyOf(name, known)]?.[0];
    return { name, type: d?.type ?? '', help: d?.help ?? '' };
  });
}

/** All metrics, what they mean, and what can be asked of them. */
export default function Explorer({ onClose, onInsert, onUse }: { onClose: () => void; onInsert: (text: string) => void; onUse: (expr: string, tab: Tab | undefined) => void }) {
  const t = m.useT();
  const c = common.useT();
  const { range } = useTime();
  const [search, setSearch] = useState('');
  const [chosen, setChosen] = useState<Metric>();
  // To the minute, so that a refresh of the page does not load the list anew.
  const start = Math.floor(range.from / 60_000) * 60;
  const end = Math.ceil(range.to / 60_000) * 60;
  const q = useQuery({ queryKey: ['promql', 'metrics', start, end], queryFn: ({ signal }) => metrics(start, end, signal), staleTime: 60_000, placeholderData: (was) => was });
  return (
    <Drawer opened onClose={onClose} position="right" size="lg" title={t('explorer')} closeButtonProps={{ 'aria-label': c('close') }}>
      {chosen !== undefined ? (
        <Detail metric={chosen} start={start} end={end} onBack={() => setChosen(undefined)} onInsert={onInsert} onUse={onUse} />
      ) : (
        <Stack gap="xs">
          <Text size="xs" c="dimmed">{t('explorerHint')}</Text>
          <TextInput size="xs" value={search} onChange={(e) => setSearch(e.currentTarget.value)} leftSection={<IconSearch size={14} />} placeholder={t('searchMetrics')} aria-label={t('searchMetrics')} data-autofocus />
          <States query={q} height={300} empty={(l) => l.length === 0}>{(list) => <List list={list} search={search} onChoose={setChosen} />}</States>
        </Stack>
      )}
    </Drawer>
  );
}

function TypeBadge({ type }: { type: string }) {
  const t = m.useT();
  const text = type === 'counter' || type === 'gauge' || type === 'summary' ? t(type) : type === 'histogram' ? t('histogramType') : t('unknownType');
  return <Badge size="xs" variant="light" tt="none" color={type === 'counter' ? 'blue' : type === 'histogram' ? 'grape' : 'gray'}>{text}</Badge>;
}

function List({ list, search, onChoose }: { list: Metric[]; search: string; onChoose: (metric: Metric) => void }) {
  const t = m.useT();
  const words = search.toLowerCase().split(/\s+/).filter((w) => w !== '');
  const shown = useMemo(() => list.filter((x) => words.every((w) => x.name.toLowerCase().includes(w) || x.help.toLowerCase().includes(w))), [list, search]); // eslint-disable-line react-hooks/exhaustive-deps
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: shown.length, getScrollElement: () => scroller.current, estimateSize: () => 46, overscan: 10 });
  if (shown.length === 0) return <Empty title={t('noMetrics')} hint={search} />;
  return (
    <>
      <Text size="xs" c="dimmed">{t('metrics', { count: shown.length })}</Text>
      <div ref={scroller} className={classes.list} style={{ height: 'calc(100vh - 210px)' }}>
        <div style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((v) => {
            const x = shown[v.index];
            return x === undefined ? null : (
              <div key={x.name} className={classes.item} style={{ transform: `translateY(${v.start}px)`, height: v.size }}>
                <UnstyledButton className={classes.metric} onClick={() => onChoose(x)}>
                  <Group gap={6} wrap="nowrap"><Text size="sm" className="mono" truncate>{x.name}</Text><TypeBadge type={x.type} /></Group>
                  <Text size="xs" c="dimmed" truncate>{x.help === '' ? t('noHelp') : x.help}</Text>
                </UnstyledButton>
              </div>
            );
          })}
        </div>
      </div>
    </>
  );
}

interface LabelInfo {
  name: string;
  values: string[];
}

/** Labels of a metric with their values: the series say both in one request. */
async function labelsOf(metric: string, start: number, end: number, signal: AbortSignal): Promise<LabelInfo[]> {
  const series = await prom<Record<string, string>[]>('/series', { 'match[]': [`{__name__=${quote(metric)}}`], start, end, limit: 5000 }, signal);
  const values = new Map<string, Set<string>>();
  for (const s of series.data) for (const [k, v] of Object.entries(s)) if (k !== '__name__') values.set(k, (values.get(k) ?? new Set()).add(v));
  return [...values].map(([name, set]) => ({ name, values: [...set].sort() })).sort((a, b) => a.name.localeCompare(b.name));
}

const shownValues = 12;

function Detail({ metric, start, end, onBack, onInsert, onUse }: { metric: Metric; start: number; end: number; onBack: () => void; onInsert: (text: string) => void; onUse: (expr: string, tab: Tab | undefined) => void }) {
  const t = m.useT();
  const { range } = useTime();
  const q = useQuery({ queryKey: ['promql', 'labels', metric.name, start, end], queryFn: ({ signal }) => labelsOf(metric.name, start, end, signal), staleTime: 60_000 });
  const title = { latest: t('latest'), perSecond: t('perSecond'), increase: t('increase'), p95: t('p95'), asHistogram: t('asHistogram'), sumBy: '' };
  return (
    <Stack gap="sm">
      <Button size="compact-xs" variant="subtle" w="fit-content" leftSection={<IconArrowLeft size={14} />} onClick={onBack}>{t('back')}</Button>
      <Group gap={6}><Code fz="sm" style={{ overflowWrap: 'anywhere' }}>{metric.name}</Code><TypeBadge type={metric.type} /></Group>
      <Text size="sm">{metric.help === '' ? t('noHelp') : metric.help}</Text>
      <Button size="xs" variant="light" w="fit-content" onClick={() => onInsert(metric.name)}>{t('insert')}</Button>
      <States query={q} height={160}>
        {(labels) => (
          <>
            <Text size="sm" fw={600}>{t('useAs')}</Text>
            {suggest(metric.name, metric.type, labels.map((l) => l.name), '5m', promDuration(Math.round(range.seconds))).map((s) => (
              <UnstyledButton key={s.expr} className={classes.metric} onClick={() => onUse(s.expr, s.kind === 'asHistogram' ? 'histogram' : undefined)}>
                <Text size="xs" fw={500}>{[title[s.kind], s.label === undefined ? '' : t('sumBy', { label: s.label })].filter((x) => x !== '').join(' · ')}</Text>
                <PromQLText expr={s.expr} />
              </UnstyledButton>
            ))}
            <Text size="sm" fw={600}>{t('labels')}</Text>
            {labels.map((l) => (
              <div key={l.name}>
                <Text size="xs"><b className="mono">{l.name}</b> <Text span size="xs" c="dimmed">{t('values', { count: l.values.length })}</Text></Text>
                <Group gap={4} mt={2}>
                  {l.values.slice(0, shownValues).map((v) => (
                    <Button key={v} size="compact-xs" variant="default" fw={400} maw={260} title={v} aria-label={t('addMatcher', { label: l.name, value: v })} onClick={() => onInsert(`${l.name}=${quote(v)}`)}>{v === '' ? '""' : v}</Button>
                  ))}
                  {l.values.length > shownValues && <Text size="xs" c="dimmed">{t('moreValues', { count: l.values.length - shownValues })}</Text>}
                </Group>
              </div>
            ))}
          </>
        )}
      </States>
    </Stack>
  );
}
