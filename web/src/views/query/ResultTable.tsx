import { ActionIcon, Group, Stack, Text, Tooltip } from '@mantine/core';
import { IconCopy, IconDownload } from '@tabler/icons-react';
import { useMemo } from 'react';
import type { Sample, Series } from '~/api/prom';
import { duration, format } from '~/format/number';
import { dateTime } from '~/format/time';
import { useSettings } from '~/state/settings';
import { useTime } from '~/state/time';
import { useCopy } from '~/ui/Copy';
import { DataTable, useSorted, type Column } from '~/ui/DataTable';
import { Empty, States } from '~/ui/states';
import { useInstant } from './data';
import { m } from './messages';
import { Notes } from './Notes';
import { csv, labelColumns, seriesName, unitOf } from './results';
import classes from './query.module.css';

const maxColumns = 10;

function number(v: number): string {
  return Number.isFinite(v) ? String(v) : v > 0 ? '+Inf' : v < 0 ? '-Inf' : 'NaN';
}

/** The result at one moment. */
export function ResultTable({ expr }: { expr: string }) {
  const t = m.useT();
  const { zone } = useSettings();
  const { range } = useTime();
  const q = useInstant(expr);
  const time = dateTime(range.to, zone);
  return (
    <States query={q} height={180}>
      {(o) => (
        <Stack gap={6}>
          <Notes {...o} />
          {o.result.resultType === 'vector' && (o.result.result.length === 0
            ? <Empty title={t('noResult')} hint={t('noResultTable', { time })} />
            : <Vector list={o.result.result} expr={expr} note={`${t('took', { count: o.result.result.length, d: duration(o.seconds) })} · ${t('at', { time })}`} />)}
          {o.result.resultType === 'matrix' && (o.result.result.length === 0 ? <Empty title={t('noResult')} hint={t('noResultTable', { time })} /> : <Matrix list={o.result.result} />)}
          {(o.result.resultType === 'scalar' || o.result.resultType === 'string') && (
            <Group gap="xs"><Text size="xs" c="dimmed">{t(o.result.resultType)}</Text><Text fw={600} className="num">{o.result.result[1]}</Text></Group>
          )}
        </Stack>
      )}
    </States>
  );
}

function Vector({ list, expr, note }: { list: Sample[]; expr: string; note: string }) {
  const t = m.useT();
  const copy = useCopy();
  const unit = unitOf(expr);
  const columns = useMemo<Column<Sample>[]>(() => {
    const labels = labelColumns(list);
    const wide = labels.length > maxColumns;
    const named: Column<Sample>[] = wide
      ? [{ id: 'series', title: t('series'), width: 'minmax(420px, 1fr)', cell: (s) => <span className="mono" title={seriesName(s.metric)}>{seriesName(s.metric)}</span>, value: (s) => seriesName(s.metric) }]
      : labels.map((l) => ({ id: `label:${l}`, title: l, width: 'minmax(110px, 1fr)', cell: (s: Sample) => <span title={s.metric[l]}>{s.metric[l] ?? ''}</span>, value: (s: Sample) => s.metric[l] ?? '' }));
    return [
      ...(named.length === 0 ? [{ id: 'series', title: t('series'), cell: () => '{}' }] : named),
      {
        id: 'value', title: t('value'), width: unit === 'count' ? '200px' : '260px', align: 'right',
        value: (s) => (s.value === undefined ? Number(s.histogram?.[1].count) : Number(s.value[1])),
        cell: (s) => {
          if (s.histogram !== undefined) {
            const h = s.histogram[1];
            return <span>{t('count')} {format(Number(h.count), 'count')} · {t('sum')} {format(Number(h.sum), 'count')}</span>;
          }
          const v = Number(s.value?.[1]);
          return <span>{unit !== 'count' && <Text span size="xs" c="dimmed">{format(v, unit)}{' '}</Text>}{number(v)}</span>;
        },
      },
    ];
  }, [list, unit, t]);
  const sorted = useSorted(list, columns, 'value');
  const text = () => csv(list);
  return (
    <>
      <Group justify="space-between" gap="xs">
        <Text size="xs" c="dimmed">{note}</Text>
        <Group gap={2}>
          <Tooltip label={t('copyCSV')}><ActionIcon size="sm" variant="subtle" color="gray" aria-label={t('copyCSV')} onClick={() => copy(text())}><IconCopy size={14} /></ActionIcon></Tooltip>
          <Tooltip label={t('downloadCSV')}><ActionIcon size="sm" variant="subtle" color="gray" aria-label={t('downloadCSV')} onClick={() => download('query.csv', text())}><IconDownload size={14} /></ActionIcon></Tooltip>
        </Group>
      </Group>
      <DataTable {...sorted} rowKey={(s) => JSON.stringify(s.metric)} label={expr} rowHeight={28} maxHeight={420} />
    </>
  );
}

/** The samples of a range vector, as they were scraped. */
function Matrix({ list }: { list: Series[] }) {
  const t = m.useT();
  const { zone } = useSettings();
  return (
    <Stack gap={8}>
      {list.slice(0, 100).map((s) => (
        <div key={JSON.stringify(s.metric)}>
          <Text size="xs" className="mono">{seriesName(s.metric)} <Text span c="dimmed" size="xs">({t('samples', { count: (s.values ?? s.histograms ?? []).length })})</Text></Text>
          <pre className={classes.samples} tabIndex={0}>
            {(s.values ?? []).slice(-500).map(([at, v]) => `${dateTime(at * 1000, zone, { millis: true })}  ${v}`).join('\n')}
            {(s.histograms ?? []).slice(-500).map(([at, h]) => `${dateTime(at * 1000, zone, { millis: true })}  ${t('count')} ${h.count} ${t('sum')} ${h.sum}`).join('\n')}
          </pre>
        </div>
      ))}
      {list.length > 100 && <Text size="xs" c="dimmed">+{list.length - 100}</Text>}
    </Stack>
  );
}

export function download(name: string, text: string, type = 'text/csv'): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const a = document.createElement('a');
  a.href = url;
  a.download = name;
  a.click();
  URL.revokeObjectURL(url);
}
