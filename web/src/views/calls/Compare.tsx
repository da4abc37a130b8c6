// Two calls: on one axis of time, in numbers, and word for word.

import { Alert, Button, Checkbox, Group, SimpleGrid, Stack, Table, Tabs, Text, TextInput, Title, Tooltip } from '@mantine/core';
import { IconArrowsLeftRight } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import { get } from '~/api/client';
import type { Call } from '~/api/types';
import { meaning } from '~/chart/palette';
import { useScheme } from '~/chart/TimeChart';
import { change, format, unknown } from '~/format/number';
import { common } from '~/i18n/common';
import { useParam, useParams } from '~/state/url';
import { Difference } from '~/timeline/compare/Difference';
import { comparing } from '~/timeline/compare/messages';
import { plain, rowsOf, type Row } from '~/timeline/compare/rows';
import { streamModel, type StreamModel } from '~/timeline/model';
import { place } from '~/timeline/phases';
import { ReplayControls, ReplayText } from '~/timeline/Replay';
import { useReplay, type Replay } from '~/timeline/replay';
import { TimelineChart, usePhaseName } from '~/timeline/TimelineChart';
import { useBreakdown, useTimelineLabel } from '~/timeline/TokenTimeline';
import { timeline } from '~/timeline/messages';
import type { View } from '~/timeline/view';
import { Link } from '~/ui/Link';
import { Panel } from '~/ui/Panel';
import { Failure, Loading } from '~/ui/states';
import { CallStatus, Money, When } from '~/ui/values';

function useWhole(id: string) {
  return useQuery({ queryKey: ['call', id], queryFn: ({ signal }) => get<Call>(`/calls/${encodeURIComponent(id)}`, {}, signal), staleTime: 60_000, enabled: id !== '' });
}

export default function Compare() {
  const t = comparing.useT();
  const [params, set] = useParams();
  const a = params.get('a') ?? '';
  const b = params.get('b') ?? '';
  return (
    <Stack gap="sm">
      <Title order={1} fz="lg">{t('title')}</Title>
      <Group gap="xs" align="flex-end">
        <IdField name="a" label={t('callA')} value={a} />
        <Tooltip label={t('swap')}><Button size="xs" variant="default" px={8} aria-label={t('swap')} disabled={a === '' && b === ''} onClick={() => set({ a: b, b: a })}><IconArrowsLeftRight size={15} /></Button></Tooltip>
        <IdField name="b" label={t('callB')} value={b} />
      </Group>
      {a === '' || b === '' ? <Alert color="gray" variant="light">{t('pick')}</Alert> : <Loaded a={a} b={b} />}
    </Stack>
  );
}

function IdField({ name, label, value }: { name: string; label: string; value: string }) {
  const [, set] = useParam(name);
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const take = () => set(text.trim() === '' ? null : text.trim(), { push: true });
  return <TextInput size="xs" w={260} maw="100%" label={label} classNames={{ input: 'mono' }} value={text} onChange={(e) => setText(e.currentTarget.value)} onBlur={() => { if (text.trim() !== value) take(); }} onKeyDown={(e) => { if (e.key === 'Enter') take(); }} />;
}

function Loaded({ a, b }: { a: string; b: string }) {
  const one = useWhole(a);
  const two = useWhole(b);
  for (const q of [one, two]) if (q.data === undefined && q.error !== null) return <Failure error={q.error} retry={() => void q.refetch()} />;
  if (one.data === undefined || two.data === undefined) return <Loading height={480} />;
  return <Both a={one.data} b={two.data} />;
}

function Both({ a, b }: { a: Call; b: Call }) {
  const t = comparing.useT();
  const z = timeline.useT();
  const left = useMemo(() => streamModel(a), [a]);
  const right = useMemo(() => streamModel(b), [b]);
  const whole = Math.max(left.duration, right.duration);
  const replay = useReplay(whole);
  const [zoomed, setZoomed] = useState<{ key: string; view: View }>();
  const key = `${a.id} ${b.id}`;
  const view = zoomed?.key === key ? zoomed.view : { from: 0, to: whole };
  const onView = (v: View) => setZoomed({ key, view: v });
  const streamed = left.missing === undefined || right.missing === undefined;
  return (
    <>
      <Panel title={t('timelines')} description={t('timelinesHint')}>
        <Stack gap="xs">
          {([['A', left], ['B', right]] as const).map(([name, model]) => <Lane key={name} name={name} model={model} whole={whole} view={view} onView={onView} replay={replay} />)}
          {streamed && (
            <>
              <ReplayControls replay={replay} />
              <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
                {([['A', left], ['B', right]] as const).map(([name, model]) => <div key={name}><Text size="xs" fw={600} mb={2}>{name}</Text><ReplayText model={model} replay={replay} maxHeight={220} /></div>)}
              </SimpleGrid>
            </>
          )}
          <Text size="xs" c="dimmed">{z('hint')}</Text>
        </Stack>
      </Panel>
      <Panel title={t('differences')}><Differences a={left} b={right} /></Panel>
      <Panel title={t('texts')}><Texts a={a} b={b} /></Panel>
    </>
  );
}

function Lane({ name, model, whole, view, onView, replay }: { name: string; model: StreamModel; whole: number; view: View; onView: (v: View) => void; replay: Replay }) {
  const t = timeline.useT();
  const label = useTimelineLabel();
  const breakdown = useBreakdown(model.call.id);
  const segments = useMemo(() => (breakdown.data === undefined ? [] : place(breakdown.data, { duration: model.duration, ttft: model.ttft, last: model.stats.last })), [breakdown.data, model]);
  const c = model.call;
  return (
    <div>
      <Group gap={10} pr={90} mih={20}>
        <Text size="sm" fw={650}>{name}: <Link to={`/calls/${c.id}`} size="sm">{c.response_model ?? c.request_model ?? c.id}</Link></Text>
        <Text size="xs" c="dimmed" component="span"><When time={c.time} millis /> · {c.service} · <Money cost={c.cost} /></Text>
        {c.status === 'error' && <CallStatus call={c} />}
      </Group>
      {model.missing !== undefined && <Text size="xs" c="dimmed">{t(model.missing)}</Text>}
      <TimelineChart model={model} segments={segments} whole={whole} view={view} onView={onView} replay={replay} label={`${name}: ${label(model)}`} />
    </div>
  );
}

function useLabel(): (r: Row) => string {
  const t = comparing.useT();
  const c = common.useT();
  const phase = usePhaseName();
  const known: Record<string, string> = {
    model: c('model'), provider: c('provider'), service: c('service'), operation: c('operation'), region: c('region'), prompt: c('prompt'), promptVersion: c('promptVersion'), status: c('status'), finish: t('finish'), duration: c('duration'), ttft: c('ttft'), tpot: c('tpot'), tokensPerSecond: c('tokensPerSecond'),
    chunks: t('chunks'), medianGap: t('medianGap'), longest: t('longest'), stalls: t('stalls'), overhead: t('overhead'), cost: c('cost'), input_tokens: c('inputTokens'), output_tokens: c('outputTokens'), cache_read_tokens: c('cacheRead'), cache_write_tokens: c('cacheWrite'), reasoning_tokens: c('reasoning'),
  };
  return (r) => (r.group === 'params' ? `${t('param')}: ${r.label}` : r.group === 'phases' ? t('phase', { name: phase(r.label as Parameters<typeof phase>[0]) }) : (known[r.label] ?? r.label));
}

function Differences({ a, b }: { a: StreamModel; b: StreamModel }) {
  const t = comparing.useT();
  const scheme = useScheme();
  const label = useLabel();
  const [params, set] = useParams();
  const only = params.get('only') === 'different';
  const ba = useBreakdown(a.call.id);
  const bb = useBreakdown(b.call.id);
  const rows = useMemo(() => rowsOf(a, b, ba.data, bb.data), [a, b, ba.data, bb.data]);
  const shown = only ? rows.filter((r) => r.a !== r.b) : rows;
  const value = (r: Row, v: Row['a'], m: StreamModel) => {
    if (r.label === 'cost') return <Money cost={m.call.cost} />;
    if (v === undefined) return <Text span size="sm" c="dimmed">{r.group === 'params' ? t('absent') : unknown}</Text>;
    return typeof v === 'number' ? format(v, r.unit ?? 'count') : v;
  };
  return (
    <div style={{ overflowX: 'auto' }}>
      <Checkbox size="xs" mb={6} label={t('onlyDifferent')} checked={only} onChange={(e) => set({ only: e.currentTarget.checked ? 'different' : null })} />
      {shown.length === 0 ? <Text size="sm" c="dimmed">{t('same')}</Text> : (
        <Table fz="sm" verticalSpacing={2} highlightOnHover aria-label={t('differences')}>
          <Table.Thead><Table.Tr><Table.Th>{t('measure')}</Table.Th><Table.Th>A</Table.Th><Table.Th>B</Table.Th><Table.Th>{t('delta')}</Table.Th></Table.Tr></Table.Thead>
          <Table.Tbody>
            {shown.map((r) => {
              const numbers = typeof r.a === 'number' && typeof r.b === 'number';
              const up = numbers && (r.b as number) > (r.a as number);
              const tone = !numbers || r.a === r.b || r.better === 'neither' || r.better === undefined ? undefined : (r.better === 'more') === up ? 'ok' : 'critical';
              return (
                <Table.Tr key={`${r.group} ${r.label}`}>
                  <Table.Td c="dimmed">{label(r)}</Table.Td>
                  <Table.Td className="num" style={{ overflowWrap: 'anywhere' }}>{value(r, r.a, a)}</Table.Td>
                  <Table.Td className="num" style={{ overflowWrap: 'anywhere' }}>{value(r, r.b, b)}</Table.Td>
                  <Table.Td className="num" style={{ color: tone === undefined ? undefined : meaning[scheme][tone], whiteSpace: 'nowrap' }}>
                    {r.a === r.b ? '=' : numbers ? `${up ? '▲ +' : '▼ −'}${format(Math.abs((r.b as number) - (r.a as number)), r.unit ?? 'count')} ${r.a === 0 ? '' : `(${change(r.b as number, r.a as number)})`}` : '≠'}
                  </Table.Td>
                </Table.Tr>
              );
            })}
          </Table.Tbody>
        </Table>
      )}
    </div>
  );
}

function Texts({ a, b }: { a: Call; b: Call }) {
  const t = comparing.useT();
  const [part, setPart] = useParam('texts', 'answers');
  const prompts = useMemo(() => [plain(a.input), plain(b.input)] as const, [a, b]);
  const answers = useMemo(() => [plain(a.output), plain(b.output)] as const, [a, b]);
  const tools = useMemo(() => [a, b].map((c) => (c.tools === undefined ? '' : JSON.stringify(c.tools, null, 2))), [a, b]);
  return (
    <Tabs value={part} onChange={(v) => setPart(v)} keepMounted={false}>
      <Tabs.List mb={6} aria-label={t('texts')}>
        <Tabs.Tab value="answers">{t('answers')}</Tabs.Tab>
        <Tabs.Tab value="prompts">{t('prompts')}</Tabs.Tab>
        {tools.some((x) => x !== '') && <Tabs.Tab value="tools">{t('tools')}</Tabs.Tab>}
      </Tabs.List>
      <Tabs.Panel value="answers"><Difference a={answers[0]} b={answers[1]} label={t('answers')} /></Tabs.Panel>
      <Tabs.Panel value="prompts"><Difference a={prompts[0]} b={prompts[1]} label={t('prompts')} /></Tabs.Panel>
      <Tabs.Panel value="tools"><Difference a={tools[0] ?? ''} b={tools[1] ?? ''} label={t('tools')} /></Tabs.Panel>
    </Tabs>
  );
}
