import { ActionIcon, Box, Text, Tooltip, VisuallyHidden } from '@mantine/core';
import { IconListSearch, IconMessages } from '@tabler/icons-react';
import { useMemo } from 'react';
import { count, percent, short, usd } from '~/format/number';
import { meaning } from '~/chart/palette';
import { useScheme } from '~/chart/TimeChart';
import { DataTable, type Column } from '~/ui/DataTable';
import { Link } from '~/ui/Link';
import { dimensionName, pathWith, within } from '~/ui/dimensions';
import { useUrlSorted } from '~/ui/useUrlSorted';
import { useScope } from './data';
import { costOf, type CostRow } from './groups';
import { cost } from './messages';

function CostCell({ row }: { row: CostRow }) {
  const t = cost.useT();
  const c = costOf(row.totals);
  if (c === undefined) return <Tooltip label={t('allUnpriced')}><Text span size="xs" c="dimmed" fs="italic">{t('unpricedShort')}</Text></Tooltip>;
  const part = row.totals.by_state?.['estimated']?.cost_usd ?? 0;
  return <Tooltip label={t('estimatedPart', { usd: usd(part) })} disabled={!row.estimated}><span>{row.estimated ? '≈' : ''}{usd(c)}</span></Tooltip>;
}

function Share({ share, colour }: { share: number; colour: string | undefined }) {
  return (
    <Box display="flex" style={{ alignItems: 'center', gap: 6 }}>
      <Box flex={1} h={8} bg="light-dark(var(--mantine-color-gray-1), var(--mantine-color-dark-5))" style={{ borderRadius: 2 }} aria-hidden="true"><Box h={8} w={`${share * 100}%`} style={{ background: colour, borderRadius: 2 }} /></Box>
      <Text span size="xs" w={46} ta="right" className="num">{percent(share)}</Text>
    </Box>
  );
}

/** The groups with their tokens, calls and cost. A row leads further down. */
export function GroupsTable({ rows, palette, onDrill }: { rows: CostRow[]; palette: ReadonlyMap<string, string>; onDrill: (row: CostRow) => void }) {
  const t = cost.useT();
  const { by, filters } = useScope();
  const scheme = useScheme();
  const muted = meaning[scheme].muted;
  const columns = useMemo<Column<CostRow>[]>(() => [
    {
      id: 'name', title: dimensionName(by), width: 'minmax(190px, 1.6fr)', value: (r) => r.name,
      cell: (r) => <span title={r.name}><span style={{ display: 'inline-block', width: 10, height: 10, borderRadius: 2, marginRight: 8, background: palette.get(r.name) ?? muted }} />{r.name}</span>,
    },
    { id: 'cost', title: t('cost'), align: 'right', width: '104px', value: (r) => costOf(r.totals), cell: (r) => <CostCell row={r} /> },
    { id: 'share', title: '%', width: 'minmax(110px, 1fr)', value: (r) => r.share, cell: (r) => <Share share={r.share} colour={palette.get(r.name) ?? muted} /> },
    { id: 'calls', title: t('calls'), align: 'right', width: '84px', value: (r) => r.totals.calls, cell: (r) => count(r.totals.calls) },
    { id: 'unpriced', title: t('unpricedShort'), align: 'right', width: '84px', value: (r) => r.unpriced, cell: (r) => (r.unpriced === 0 ? <span className="dim">0</span> : count(r.unpriced)) },
    { id: 'per_call', title: t('perCall'), align: 'right', width: '104px', value: (r) => r.perCall, cell: (r) => usd(r.perCall) },
    { id: 'per_1k', title: t('per1k'), align: 'right', width: '110px', value: (r) => r.perThousandOutput, cell: (r) => usd(r.perThousandOutput) },
    { id: 'input', title: t('input'), align: 'right', width: '76px', value: (r) => r.totals.input_tokens, cell: (r) => short(r.totals.input_tokens) },
    { id: 'output', title: t('output'), align: 'right', width: '76px', value: (r) => r.totals.output_tokens, cell: (r) => short(r.totals.output_tokens) },
    { id: 'cached', title: t('cached'), align: 'right', width: '86px', value: (r) => r.totals.cache_read_tokens, cell: (r) => short(r.totals.cache_read_tokens ?? 0) },
    {
      id: 'open', title: <VisuallyHidden>{t('openCalls')}</VisuallyHidden>, width: '34px',
      cell: (r) => by === 'session' && r.values['session'] !== ''
        ? <Link to={`/sessions/${encodeURIComponent(r.values['session'] ?? '')}`} aria-label={`${t('openSession')}: ${r.name}`}><ActionIcon component="span" variant="subtle" size="sm"><IconMessages size={14} /></ActionIcon></Link>
        : <Link to={pathWith('/calls', within(filters, r.values))} aria-label={t('callsOf', { name: r.name })} title={t('callsOf', { name: r.name })}><ActionIcon component="span" variant="subtle" size="sm"><IconListSearch size={14} /></ActionIcon></Link>,
    },
  ], [t, by, filters, palette, muted]);
  const { rows: sorted, ...sorting } = useUrlSorted(rows, columns, '-cost');
  return <DataTable {...sorting} rows={sorted} rowKey={(r) => r.key} label={t('groupsTable', { by: dimensionName(by) })} rowHeight={30} maxHeight={460} onOpen={onDrill} />;
}
