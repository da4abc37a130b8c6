import type { ReactNode } from 'react';
import type { Labels } from '~/api/prom';
import type { ChartSeries } from '~/chart/TimeChart';
import { format, type Unit } from '~/format/number';
import { DataTable, useSorted, type Column } from '../DataTable';
import { statistics, type Statistics } from './data';
import { messages } from './messages';

export interface TableSeries extends ChartSeries {
  metric?: Labels;
}

/** The lines of a chart in numbers. */
export function SeriesTable({ series, unit, label, height, link }: { series: readonly TableSeries[]; unit: Unit; label: string; height: number; link?: (s: TableSeries) => ReactNode }) {
  const t = messages.useT();
  type Row = TableSeries & Statistics;
  const rows: Row[] = series.map((s) => ({ ...s, ...statistics(s.values) }));
  const column = (id: keyof Statistics, title: string): Column<Row> => ({ id, title, width: '92px', align: 'right', cell: (r) => format(r[id], unit), value: (r) => r[id] });
  const columns: Column<Row>[] = [
    { id: 'name', title: t('series'), width: 'minmax(120px, 1fr)', cell: (r) => link?.(r) ?? r.label ?? r.name, value: (r) => r.label ?? r.name },
    column('last', t('last')), column('min', t('min')), column('mean', t('mean')), column('max', t('max')),
  ];
  const sorted = useSorted(rows, columns, 'last');
  return <DataTable {...sorted} rowKey={(r) => r.name} label={label} maxHeight={height} rowHeight={28} />;
}
