import { Badge, Progress, Text } from '@mantine/core';
import { meaning } from '~/chart/palette';
import { useScheme } from '~/chart/TimeChart';
import { count, duration, format, percent, short } from '~/format/number';
import { common } from '~/i18n/common';
import { DataTable, type Column } from '~/ui/DataTable';
import { useUrlSorted } from '~/ui/useUrlSorted';
import { levelOf } from '~/ui/prom/data';
import type { Threshold } from '~/ui/prom/definition';
import { FramedPanel } from '~/ui/prom/SeriesPanel';
import { messages } from './messages';
import { measures, type Measure, type ServerRow } from './servers';
import classes from './infrastructure.module.css';

/** Those of the dashboard's panels. */
const thresholds: Partial<Record<Measure, Threshold[]>> = {
  waiting: [{ value: 1, level: 'warning' }, { value: 10, level: 'critical' }],
  queue: [{ value: 1, level: 'warning' }, { value: 5, level: 'critical' }],
  kv: [{ value: 0.9, level: 'warning' }, { value: 0.98, level: 'critical' }],
};

export function Servers({ rows, selected, onSelect, busy }: { rows: readonly ServerRow[]; selected?: string; onSelect: (r: ServerRow) => void; busy: boolean }) {
  const t = messages.useT();
  const c = common.useT();
  const scheme = useScheme();
  const figure = (id: Measure, title: string, text: (v: number | undefined) => string, width = '74px'): Column<ServerRow> => ({
    id, title, width, align: 'right', value: (r) => r.values[id],
    cell: (r) => {
      const level = levelOf(r.values[id], thresholds[id], 'ok');
      return <Text span size="xs" fw={level === undefined || level === 'ok' ? undefined : 600} c={level === undefined || level === 'ok' ? undefined : meaning[scheme][level]}>{text(r.values[id])}</Text>;
    },
  });
  const columns: Column<ServerRow>[] = [
    { id: 'up', title: t('up'), width: '58px', value: (r) => (r.up === undefined ? undefined : Number(r.up)), cell: (r) => (r.up === undefined ? '–' : <Badge size="xs" variant="light" color={r.up ? 'green' : 'red'} tt="none">{r.up ? t('isUp') : t('isDown')}</Badge>) },
    { id: 'model', title: c('model'), width: 'minmax(120px, 1.5fr)', value: (r) => r.model, cell: (r) => <span title={r.model}>{r.model === '' ? '–' : r.model}</span> },
    { id: 'instance', title: t('server'), width: 'minmax(132px, 1.2fr)', value: (r) => `${r.server} ${r.instance}`, cell: (r) => <span title={r.instance}>{r.server} <span className="mono dim">{r.instance}</span></span> },
    figure('running', t('running'), count, '64px'),
    figure('waiting', t('waiting'), count, '66px'),
    figure('queue', t('queue'), duration),
    {
      id: 'kv', title: t('kv'), width: '92px', align: 'right', value: (r) => r.values.kv,
      cell: (r) => {
        const level = levelOf(r.values.kv, thresholds.kv, 'ok');
        return r.values.kv === undefined ? '–' : <span className={classes.line} style={{ alignItems: 'center' }}><Progress value={Math.round(r.values.kv * 1000) / 10} size={5} w={36} color={level === 'critical' ? 'red' : level === 'warning' ? 'orange' : 'pitot'} aria-label={t('kv')} /><span>{percent(r.values.kv)}</span></span>;
      },
    },
    figure('prefix', t('prefix'), percent),
    figure('preemptions', t('preemptions'), (v) => format(v, 'per_second'), '80px'),
    figure('ttft', t('ttft'), duration),
    figure('tpot', t('tpot'), duration),
    {
      id: 'tokens', title: t('promptGenerated'), width: '138px', align: 'right', value: (r) => r.values.generated,
      cell: (r) => <span className="num">{short(r.values.prompt)} → {format(r.values.generated, 'tokens_per_second')}</span>,
    },
  ];
  const sorted = useUrlSorted(rows, columns, '-waiting');
  return (
    <FramedPanel frame={{ id: 'servers', title: t('servers'), description: t('serversAbout'), exprs: Object.entries(measures).map(([ref, expr]) => ({ ref, expr })) }} busy={busy}>
      <DataTable {...sorted} rowKey={(r) => r.key} label={t('servers')} maxHeight={360} rowHeight={30} selected={selected} onOpen={onSelect} rowTone={(r) => (r.up === false ? 'critical' : undefined)} />
    </FramedPanel>
  );
}
