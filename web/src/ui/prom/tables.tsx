// The tables of panels: loaded where one is shown.

import { Text } from '@mantine/core';
import { rangeText } from '~/chart/Heatmap';
import type { HeatGrid } from '~/chart/heatmap';
import { meaning } from '~/chart/palette';
import { useScheme } from '~/chart/TimeChart';
import { count, format, percent, type Unit } from '~/format/number';
import { common } from '~/i18n/common';
import { DataTable, useSorted, type Column } from '../DataTable';
import { Link } from '../Link';
import { Empty } from '../states';
import { levelOf, type TableRow } from './data';
import { messages } from './messages';
import type { PromPanelProps } from './PromPanel';

/** Words that label names have in the field, where the pages have them, too. */
const labelTitles: Record<string, Parameters<typeof common.t>[0]> = { model: 'model', service: 'service', provider: 'provider', user: 'user', feature: 'feature', environment: 'environment' };

export function JoinedTable({ joined, height, ...props }: PromPanelProps & { joined: { labels: string[]; rows: TableRow[] }; height: number }) {
  const { targets, unit } = props;
  const t = messages.useT();
  const c = common.useT();
  const scheme = useScheme();
  const columns: Column<TableRow>[] = [
    ...joined.labels.map((name, i): Column<TableRow> => ({
      id: `label-${name}`,
      title: labelTitles[name] === undefined ? name : c(labelTitles[name]),
      width: i === 0 ? 'minmax(130px, 1.4fr)' : 'minmax(90px, 1fr)',
      value: (r) => r.labels[name],
      cell: (r) => {
        const text = r.labels[name] ?? '';
        const leads = props.linkLabel !== undefined && joined.labels.includes(props.linkLabel) ? name === props.linkLabel : joined.labels.findIndex((x) => (r.labels[x] ?? '') !== '') === i;
        const link = text !== '' && leads ? props.seriesLink?.(r.labels) : undefined;
        return link === undefined ? text : <Link to={link.to} size="xs" title={link.title}>{text}</Link>;
      },
    })),
    ...targets.map((target, i): Column<TableRow> => ({
      id: `value-${i}`,
      title: target.legend === '' ? c('value') : target.legend,
      width: 'minmax(84px, 0.8fr)',
      align: 'right',
      value: (r) => r.values[i],
      cell: (r) => {
        const level = targets.length === 1 ? levelOf(r.values[i], props.thresholds, props.base) : undefined;
        return <Text span size="xs" fw={level === undefined || level === 'ok' ? undefined : 600} c={level === undefined || level === 'ok' ? undefined : meaning[scheme][level]}>{format(r.values[i], target.unit ?? unit)}</Text>;
      },
    })),
  ];
  const sorted = useSorted(joined.rows, columns, 'value-0');
  if (joined.rows.length === 0) return <Empty height={height} title={t('noSeries')} hint={t('noSeriesHint')} />;
  return <DataTable {...sorted} rowKey={(r) => r.key} label={props.title} maxHeight={height} rowHeight={30} />;
}

/** A heatmap over its whole range, in numbers. */
export function HeatTable({ grid, unit, label, height }: { grid: HeatGrid; unit: Unit; label: string; height: number }) {
  const t = messages.useT();
  const c = common.useT();
  const rows = grid.rows.map((r, i) => ({ id: String(i), range: rangeText(r, unit), n: grid.counts.reduce((sum, column) => sum + (column[i] ?? 0), 0) })).reverse();
  const total = rows.reduce((sum, r) => sum + r.n, 0);
  return (
    <DataTable rows={rows} rowKey={(r) => r.id} label={label} rowHeight={26} maxHeight={height} columns={[
      { id: 'range', title: t('range'), width: 'minmax(120px, 1fr)', cell: (r) => r.range },
      { id: 'n', title: t('calls'), width: '100px', align: 'right', cell: (r) => count(r.n) },
      { id: 'share', title: c('share'), width: '90px', align: 'right', cell: (r) => (total > 0 ? percent(r.n / total) : '') },
    ]} />
  );
}
