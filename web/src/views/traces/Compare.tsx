// Two traces: what one has and the other has not, and what got longer or dearer.

import { Alert, Button, Checkbox, Group, Paper, Stack, Table, Text, TextInput, Title, Tooltip } from '@mantine/core';
import { IconArrowsLeftRight } from '@tabler/icons-react';
import { useEffect, useMemo, useState } from 'react';
import type { Trace } from '~/api/types';
import { meaning } from '~/chart/palette';
import { useScheme } from '~/chart/TimeChart';
import { change, count, duration, short, unknown, usd } from '~/format/number';
import { common } from '~/i18n/common';
import { useParam, useParams } from '~/state/url';
import { DataTable, type Column } from '~/ui/DataTable';
import { Link } from '~/ui/Link';
import { Failure, Loading } from '~/ui/states';
import { When } from '~/ui/values';
import { matched, mergeTrees, type Line, type Side } from './compare';
import { useTrace } from './data';
import { KindIcon } from './kinds';
import { traces as messages } from './messages';
import { SumCost } from './Sum';
import classes from './traces.module.css';
import { buildTree, type Rollup, type Tree } from './tree';

export default function Compare() {
  const t = messages.useT();
  const [params, set] = useParams();
  const a = params.get('a') ?? '';
  const b = params.get('b') ?? '';
  const one = useTrace(a);
  const two = useTrace(b);
  return (
    <Stack gap="sm">
      <Group justify="space-between"><Title order={1} fz="lg">{t('compare')}</Title></Group>
      <Group gap="xs" align="flex-end">
        <IdField name="a" label={t('traceA')} value={a} />
        <Tooltip label={t('swap')}><Button size="xs" variant="default" px={8} aria-label={t('swap')} disabled={a === '' && b === ''} onClick={() => set({ a: b, b: a })}><IconArrowsLeftRight size={15} /></Button></Tooltip>
        <IdField name="b" label={t('traceB')} value={b} />
      </Group>
      {a === '' || b === '' ? <Alert color="gray" variant="light">{t('pick')}</Alert> : <Loaded one={one} two={two} />}
    </Stack>
  );
}

function IdField({ name, label, value }: { name: string; label: string; value: string }) {
  const [, set] = useParam(name);
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const take = () => set(text.trim() === '' ? null : text.trim(), { push: true });
  return <TextInput size="xs" w={330} maw="100%" label={label} value={text} onChange={(e) => setText(e.currentTarget.value)} onBlur={() => { if (text.trim() !== value) take(); }} onKeyDown={(e) => { if (e.key === 'Enter') take(); }} classNames={{ input: 'mono' }} />;
}

function Loaded({ one, two }: { one: ReturnType<typeof useTrace>; two: ReturnType<typeof useTrace> }) {
  for (const q of [one, two]) if (q.data === undefined && q.error !== null) return <Failure error={q.error} retry={() => void q.refetch()} />;
  if (one.data === undefined || two.data === undefined) return <Loading height={400} />;
  return <Both a={one.data} b={two.data} />;
}

function Both({ a, b }: { a: Trace; b: Trace }) {
  const t = messages.useT();
  const [params, set] = useParams();
  const ignoreModels = params.get('models') === 'any';
  const onlyDifferent = params.get('only') === 'different';
  const left = useMemo(() => buildTree(a), [a]);
  const right = useMemo(() => buildTree(b), [b]);
  const lines = useMemo(() => mergeTrees(left, right, { ignoreModels }), [left, right, ignoreModels]);
  const shown = useMemo(() => (onlyDifferent ? lines.filter((l) => l.differs) : lines), [lines, onlyDifferent]);
  const m = useMemo(() => matched(lines), [lines]);
  const columns = useColumns(a.trace_id, b.trace_id);
  return (
    <>
      <Totals a={a} b={b} left={left} right={right} />
      <Group justify="space-between" gap="xs">
        <Text size="sm">{t('matched', m)}</Text>
        <Group gap="md">
          <Tooltip label={t('ignoreModelsHint')} multiline maw={300}><Checkbox size="xs" label={t('ignoreModels')} checked={ignoreModels} onChange={(e) => set({ models: e.currentTarget.checked ? 'any' : null })} /></Tooltip>
          <Checkbox size="xs" label={t('onlyDifferent')} checked={onlyDifferent} onChange={(e) => set({ only: e.currentTarget.checked ? 'different' : null })} />
        </Group>
      </Group>
      {shown.length === 0 ? <Text size="sm" c="dimmed">{t('noDifferences')}</Text> : <DataTable columns={columns} rows={shown} rowKey={(l) => l.key} label={t('mergedTree')} maxHeight="max(320px, calc(100dvh - 420px))" rowHeight={30} />}
    </>
  );
}

/** A change, by sign and colour: more time, cost or errors is worse. */
function Delta({ a, b, text }: { a: number | undefined; b: number | undefined; text: (n: number) => string }) {
  const scheme = useScheme();
  if (a === undefined || b === undefined || (a === 0 && b === 0)) return <Text span size="xs" c="dimmed">{unknown}</Text>;
  const d = b - a;
  if (Math.abs(d) <= 1e-12 + Math.abs(a) * 1e-9) return <Text span size="xs" c="dimmed">=</Text>;
  const worth = Math.abs(d) >= 0.05 * Math.abs(a);
  return <span className="num" style={{ whiteSpace: 'nowrap', color: worth ? meaning[scheme][d > 0 ? 'critical' : 'ok'] : undefined }}>{d > 0 ? '▲ +' : '▼ −'}{text(Math.abs(d))} <Text span size="xs" c="dimmed">{a === 0 ? '' : change(b, a)}</Text></span>;
}

const known = (r: Rollup) => (r.calls > r.unpriced ? r.usd : undefined);

function Totals({ a, b, left, right }: { a: Trace; b: Trace; left: Tree; right: Tree }) {
  const t = messages.useT();
  const c = common.useT();
  const l = left.total;
  const r = right.total;
  const head = (x: Trace, tree: Tree) => <><Link to={`/traces/${x.trace_id}`} size="sm" fw={600}>{tree.nodes[tree.roots[0] ?? -1]?.span.name ?? x.trace_id}</Link> <Text span size="xs" c="dimmed" className="mono">{x.trace_id.slice(0, 8)}</Text></>;
  const rows: [string, React.ReactNode, React.ReactNode, React.ReactNode][] = [
    [t('start'), <When time={a.start} millis />, <When time={b.start} millis />, null],
    [c('duration'), duration(a.duration_seconds), duration(b.duration_seconds), <Delta a={a.duration_seconds} b={b.duration_seconds} text={duration} />],
    [t('spans'), count(a.spans.length), count(b.spans.length), <Delta a={a.spans.length} b={b.spans.length} text={count} />],
    [c('calls'), count(l.calls), count(r.calls), <Delta a={l.calls} b={r.calls} text={count} />],
    [c('inputTokens'), count(l.input), count(r.input), <Delta a={l.input} b={r.input} text={count} />],
    [c('outputTokens'), count(l.output), count(r.output), <Delta a={l.output} b={r.output} text={count} />],
    [c('cost'), <SumCost usd={l.usd} calls={l.calls} unpriced={l.unpriced} estimated={l.estimated} />, <SumCost usd={r.usd} calls={r.calls} unpriced={r.unpriced} estimated={r.estimated} />, <Delta a={known(l)} b={known(r)} text={usd} />],
    [c('errors'), count(l.errors), count(r.errors), <Delta a={l.errors} b={r.errors} text={count} />],
  ];
  return (
    <Paper withBorder radius="md" p="xs" style={{ overflowX: 'auto' }}>
      <Table fz="sm" verticalSpacing={3} aria-label={t('summary')}>
        <Table.Thead><Table.Tr><Table.Th>{t('measure')}</Table.Th><Table.Th>A: {head(a, left)}</Table.Th><Table.Th>B: {head(b, right)}</Table.Th><Table.Th>{t('delta')}</Table.Th></Table.Tr></Table.Thead>
        <Table.Tbody>{rows.map(([name, x, y, d]) => <Table.Tr key={name}><Table.Td>{name}</Table.Td><Table.Td className="num">{x}</Table.Td><Table.Td className="num">{y}</Table.Td><Table.Td>{d}</Table.Td></Table.Tr>)}</Table.Tbody>
      </Table>
    </Paper>
  );
}

function useColumns(a: string, b: string): Column<Line>[] {
  const t = messages.useT();
  const c = common.useT();
  const scheme = useScheme();
  const tone = meaning[scheme];
  const cell = (s: Side | undefined, id: string, f: (s: Side) => React.ReactNode) => (s === undefined ? <Text span size="xs" c="dimmed">{unknown}</Text> : <Link to={`/traces/${id}?span=${s.first}`} size="xs" c="var(--mantine-color-text)">{f(s)}</Link>);
  return [
    {
      id: 'path', title: t('path'), width: 'minmax(260px, 2.4fr)',
      cell: (l) => (
        <span className={classes.name} style={{ paddingLeft: Math.min(l.depth, 16) * 14 }}>
          <KindIcon kind={l.kind} scheme={scheme} />
          <span title={`${l.name} · ${l.service ?? ''}`}>{l.name}</span>
          {l.a === undefined && <Text span size="xs" fw={600} c={tone.ok}>+ {t('onlyB')}</Text>}
          {l.b === undefined && <Text span size="xs" fw={600} c={tone.critical}>− {t('onlyA')}</Text>}
        </span>
      ),
    },
    { id: 'count', title: t('count'), width: '84px', align: 'right', cell: (l) => <span>{l.a?.count ?? 0}{(l.a?.count ?? 0) !== (l.b?.count ?? 0) ? <b> → {l.b?.count ?? 0}</b> : ''}</span> },
    { id: 'durA', title: 'A', width: '84px', align: 'right', cell: (l) => cell(l.a, a, (s) => duration(s.seconds)) },
    { id: 'durB', title: 'B', width: '84px', align: 'right', cell: (l) => cell(l.b, b, (s) => duration(s.seconds)) },
    { id: 'durD', title: `Δ ${c('duration')}`, width: '150px', align: 'right', cell: (l) => <Delta a={l.a?.seconds} b={l.b?.seconds} text={duration} /> },
    { id: 'tokD', title: `Δ ${c('tokens')}`, width: '140px', align: 'right', cell: (l) => <Delta a={l.a === undefined ? undefined : l.a.sum.input + l.a.sum.output} b={l.b === undefined ? undefined : l.b.sum.input + l.b.sum.output} text={short} /> },
    { id: 'costD', title: `Δ ${c('cost')}`, width: '150px', align: 'right', cell: (l) => <Delta a={l.a === undefined ? undefined : known(l.a.sum)} b={l.b === undefined ? undefined : known(l.b.sum)} text={usd} /> },
    { id: 'err', title: c('errors'), width: '84px', align: 'right', cell: (l) => { const x = l.a?.errors ?? 0; const y = l.b?.errors ?? 0; return x + y === 0 ? '' : <b style={{ color: y > x ? tone.critical : undefined }}>{x} → {y}</b>; } },
  ];
}
