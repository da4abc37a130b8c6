import { Checkbox, Text, Tooltip, VisuallyHidden } from '@mantine/core';
import { useMemo } from 'react';
import { count, format, short } from '~/format/number';
import { useParams } from '~/state/url';
import { DataTable, type Column } from '~/ui/DataTable';
import { Link } from '~/ui/Link';
import { dimensionName, pathWith, within } from '~/ui/dimensions';
import { sortRows, useUrlSorted } from '~/ui/useUrlSorted';
import { measures, type Measure, type Row } from './measures';
import { models } from './messages';
import { intervalText, Verdict } from './Verdict';

const maxPicks = 5;

function MeasureCell({ row, measure, baseline }: { row: Row; measure: Measure; baseline: string | undefined }) {
  const t = models.useT();
  const e = measure.of(row);
  const interval = intervalText(e, measure, t);
  return (
    <div style={{ lineHeight: 1.25 }}>
      <Text span size="sm" fw={500}>{format(e?.value, measure.unit)}</Text>
      {e !== undefined && <Text size="xs" c="dimmed" truncate component="div">{interval === '' ? t('n', { n: short(measure.n(row)) }) : interval}</Text>}
      {measure.test !== undefined && e !== undefined && <Verdict row={row} measure={measure} baseline={baseline} short />}
    </div>
  );
}

function useColumns(filters: Record<string, string>, baseline: string | undefined, palette: ReadonlyMap<string, string>): Column<Row>[] {
  const t = models.useT();
  const [params, set] = useParams();
  const picks = params.getAll('pick');
  const pickKey = picks.join('\n');
  return useMemo(() => {
    const pick: Column<Row> = {
      id: 'pick', title: <VisuallyHidden>{t('chosen')}</VisuallyHidden>, width: '22px',
      cell: (r) => <Checkbox size="xs" aria-label={t('pick', { name: r.name })} checked={picks.includes(r.key)} disabled={!picks.includes(r.key) && picks.length >= maxPicks} onChange={(e) => set({ pick: e.currentTarget.checked ? [...picks, r.key] : picks.filter((p) => p !== r.key) })} />,
    };
    const name: Column<Row> = {
      id: 'name', title: dimensionName(params.get('by') ?? 'model'), width: 'minmax(170px, 1.4fr)', value: (r) => r.name,
      cell: (r) => (
        <div style={{ display: 'flex', alignItems: 'center', gap: 8, minWidth: 0 }}>
          <span style={{ width: 10, height: 10, borderRadius: 2, background: palette.get(r.name), flex: 'none' }} />
          <Link to={pathWith('/calls', within(filters, r.group.values))} size="sm" truncate title={t('openCalls', { name: r.name })}>{r.name}</Link>
        </div>
      ),
    };
    const all = measures.map((m): Column<Row> => ({
      id: m.id, title: t(m.id), align: 'right', width: m.id === 'calls' ? '82px' : m.test === undefined ? '104px' : 'minmax(148px, 1fr)', value: (r) => m.of(r)?.value,
      cell: (r) => m.id === 'calls' ? (
        <Tooltip label={t('effective', { n: count(r.group.calls), effective: count(r.group.effective_calls) })} disabled={r.group.effective_calls >= r.group.calls * 0.999}>
          <span>{r.group.effective_calls < r.group.calls * 0.999 ? '≈' : ''}{count(r.group.calls)}</span>
        </Tooltip>
      ) : <MeasureCell row={r} measure={m} baseline={baseline} />,
    }));
    return [pick, name, ...all];
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [t, pickKey, filters, baseline, palette, params.get('by')]);
}

/** Every measure of every group. Its order is that of the page. */
export function MeasuresTable({ rows, filters, baseline, palette }: { rows: Row[]; palette: ReadonlyMap<string, string>; filters: Record<string, string>; baseline: string | undefined }) {
  const t = models.useT();
  const columns = useColumns(filters, baseline, palette);
  const { rows: sorted, ...sorting } = useUrlSorted(rows, columns, '-calls');
  return <DataTable {...sorting} rows={sorted} rowKey={(r) => r.key} label={t('table')} rowHeight={60} maxHeight={680} rowTone={() => undefined} />;
}

/** The rows in the order that the table has. */
export function inOrder(rows: Row[], order: string, descending: boolean): Row[] {
  const m = measures.find((each) => each.id === order);
  return sortRows(rows, order === 'name' ? (r) => r.name : m === undefined ? undefined : (r) => m.of(r)?.value, descending);
}
