import { Drawer, Group, SegmentedControl, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Row } from '~/api/logsql';
import { dateTime } from '~/format/time';
import { common } from '~/i18n/common';
import { useSettings } from '~/state/settings';
import { States } from '~/ui/states';
import { around } from './data';
import { LevelMark } from './LevelMark';
import { condition, keyOf, levelOf } from './logs';
import { m } from './messages';
import classes from './logs.module.css';

type Of = 'stream' | 'service' | 'trace' | 'all';

/** What happened just before and after a row. */
export default function Context({ row, onClose }: { row: Row; onClose: () => void }) {
  const t = m.useT();
  const c = common.useT();
  const { zone } = useSettings();
  const choices: { value: Of; label: string; filter: string }[] = [];
  if (row._stream_id !== undefined) choices.push({ value: 'stream', label: t('sameStream'), filter: `_stream_id:${row._stream_id}` });
  if ((row.service ?? '') !== '') choices.push({ value: 'service', label: t('sameService'), filter: condition('service', row.service ?? '') });
  if ((row.trace_id ?? '') !== '') choices.push({ value: 'trace', label: t('sameTrace'), filter: condition('trace_id', row.trace_id ?? '') });
  choices.push({ value: 'all', label: t('everything'), filter: '*' });
  const [of, setOf] = useState<Of>(choices[0]?.value ?? 'all');
  const filter = choices.find((x) => x.value === of)?.filter ?? '*';
  const q = useQuery({ queryKey: ['logs', 'context', keyOf(row), filter], queryFn: ({ signal }) => around(row, filter, 25, signal), staleTime: 60_000 });
  const line = (r: Row, mark = false) => (
    <div key={keyOf(r) + (mark ? '!' : '')} className={classes.line} data-level={levelOf(r)} data-this={mark ? '' : undefined} aria-current={mark ? true : undefined} style={{ gridTemplateColumns: '100px 60px minmax(60px, 120px) 1fr', cursor: 'default' }}>
      <span className={classes.time}>{r._time === undefined ? '' : dateTime(Date.parse(r._time), zone, { millis: true }).slice(11)}</span>
      <span><LevelMark row={r} /></span>
      <span className={classes.cell} title={r.service}>{r.service}</span>
      <span className={`${classes.message} ${classes.cell}`} title={r._msg}>{mark ? <b>{r._msg}</b> : r._msg}</span>
    </div>
  );
  return (
    <Drawer opened onClose={onClose} position="right" size="xl" title={t('contextTitle', { time: row._time === undefined ? '' : dateTime(Date.parse(row._time), zone, { millis: true }) })} closeButtonProps={{ 'aria-label': c('close') }}>
      <Stack gap="xs">
        <Group gap="xs"><Text size="xs" c="dimmed">{t('contextOf')}</Text><SegmentedControl size="xs" value={of} onChange={(v) => setOf(v as Of)} data={choices.map((x) => ({ value: x.value, label: x.label }))} /></Group>
        <States query={q} height={300}>
          {({ before, after }) => (
            <div style={{ fontSize: 12.5, overflowX: 'auto' }}>
              {before.length === 0 && <Text size="xs" c="dimmed" p={4}>{t('noneBefore')}</Text>}
              {before.filter((r) => keyOf(r) !== keyOf(row)).map((r) => line(r))}
              {line(row, true)}
              {after.map((r) => line(r))}
              {after.length === 0 && <Text size="xs" c="dimmed" p={4}>{t('noneAfter')}</Text>}
            </div>
          )}
        </States>
      </Stack>
    </Drawer>
  );
}
