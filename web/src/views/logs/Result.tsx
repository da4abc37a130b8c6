import { ActionIcon, Stack, Text, Tooltip } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useMemo } from 'react';
import type { Row } from '~/api/logsql';
import { TimeChart } from '~/chart/TimeChart';
import { short } from '~/format/number';
import { useTime } from '~/state/time';
import { DataTable, useSorted, type Column } from '~/ui/DataTable';
import { Panel } from '~/ui/Panel';
import { Empty } from '~/ui/states';
import { When } from '~/ui/values';
import { align, csvOf, legendNames } from './result';
import { resultCap, useStatsRange } from './data';
import { columnsOf } from './logs';
import { m } from './messages';

/** What stats and the like give: a table, and where it can be asked over time, a chart for each number. */
export function Result({ rows, text, stats }: { rows: readonly Row[]; text: string; stats: boolean }) {
  const t = m.useT();
  const names = useMemo(() => columnsOf(rows), [rows]);
  const columns = useMemo<Column<Row>[]>(() => names.map((c) => ({
    id: c.name, title: c.name, align: c.numeric ? 'right' : 'left', width: c.numeric ? 'minmax(110px, 200px)' : 'minmax(140px, 1fr)',
    cell: (r) => (c.name === '_time' && r._time !== undefined ? <When time={r._time} /> : <span title={r[c.name]}>{c.numeric && r[c.name] !== '' ? short(Number(r[c.name])) : (r[c.name] ?? '')}</span>),
    value: (r) => (r[c.name] === undefined || r[c.name] === '' ? undefined : c.numeric ? Number(r[c.name]) : r[c.name]),
  })), [names]);
  const order = names.find((c) => c.numeric)?.name ?? names[0]?.name ?? '';
  const sorted = useSorted(rows, columns, order);
  if (rows.length === 0) return <Empty title={t('noResult')} />;
  const save = () => {
    const url = URL.createObjectURL(new Blob([csvOf(rows, names.map((c) => c.name))], { type: 'text/csv' }));
    const a = document.createElement('a');
    a.href = url;
    a.download = 'logs.csv';
    a.click();
    URL.revokeObjectURL(url);
  };
  return (
    <Stack gap="xs">
      {stats && <StatsCharts text={text} />}
      <Panel title={t('result')} badge={t('resultRows', { count: rows.length })} logsql={text} actions={<Tooltip label={t('downloadCSV')}><ActionIcon size="sm" variant="subtle" color="gray" aria-label={t('downloadCSV')} onClick={save}><IconDownload size={14} /></ActionIcon></Tooltip>}>
        {rows.length >= resultCap && <Text size="xs" c="dimmed">{t('resultCap', { count: resultCap })}</Text>}
        <DataTable {...sorted} rowKey={(r) => JSON.stringify(r)} label={t('result')} rowHeight={28} maxHeight={460} />
      </Panel>
    </Stack>
  );
}

const maxSeries = 20;

function StatsCharts({ text }: { text: string }) {
  const t = m.useT();
  const { range, zoom } = useTime();
  const q = useStatsRange(text, true);
  const charts = useMemo(() => {
    if (q.data === undefined) return [];
    const byName = new Map<string, typeof q.data.list>();
    for (const s of q.data.list) byName.set(s.metric.__name__ ?? '', [...(byName.get(s.metric.__name__ ?? '') ?? []), s]);
    return [...byName].slice(0, 4).map(([name, list]) => {
      const sum = (s: (typeof list)[number]) => (s.values ?? []).reduce((n, [, v]) => n + (Number(v) || 0), 0);
      const shown = [...list].sort((a, b) => sum(b) - sum(a)).slice(0, maxSeries);
      const step = q.data.step;
      const { times, values } = align(shown, Math.floor(range.from / 1000 / step) * step, range.to / 1000, step);
      const labels = legendNames(shown.map((s) => ({ metric: Object.fromEntries(Object.entries(s.metric).filter(([k]) => k !== '__name__')) })));
      return { name, times, series: shown.map((_, i) => ({ name: labels[i] === '{}' ? name : (labels[i] ?? name), values: values[i] ?? [] })) };
    });
  }, [q, range.from, range.to]);
  return (
    <>
      {charts.map((c) => (
        <Panel key={c.name} title={t('overTime', { name: c.name })} busy={q.isFetching}>
          <TimeChart times={c.times} series={c.series} height={180} label={t('overTime', { name: c.name })} from={range.from / 1000} to={range.to / 1000} onZoom={zoom} sync="logs" />
        </Panel>
      ))}
    </>
  );
}
