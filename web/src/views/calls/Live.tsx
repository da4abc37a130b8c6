// The list as it grows: new calls on top, as they end.

import { Badge, Button, Group, Text } from '@mantine/core';
import { IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react';
import { useEffect, useMemo, useState } from 'react';
import type { Call } from '~/api/types';
import { count, short } from '~/format/number';
import { DataTable } from '~/ui/DataTable';
import { Empty } from '~/ui/states';
import { useColumns, type ColumnId } from './columns';
import classes from './explorer.module.css';
import type { Filters } from './filters';
import { calls } from './messages';
import { mostLive, useLive } from './useLive';

export default function Live({ filters, columns, dense, open, onOpen, onRows }: { filters: Filters; columns: readonly ColumnId[]; dense: boolean; open: string; onOpen: (c: Call) => void; onRows: (rows: readonly Call[]) => void }) {
  const t = calls.useT();
  const [paused, setPaused] = useState(false);
  const [scrolled, setScrolled] = useState(false);
  const live = useLive(filters, paused || scrolled);
  const all = useColumns(columns);
  const shown = useMemo(() => all.map((c) => ({ ...c, sort: undefined })), [all]);
  useEffect(() => onRows(live.rows), [live.rows, onRows]);
  useEffect(() => () => onRows([]), [onRows]);
  return (
    <>
      <Group gap="xs" px={8} py={4} justify="space-between">
        <Group gap={6}>
          <Button size="compact-xs" variant="light" leftSection={paused ? <IconPlayerPlay size={12} /> : <IconPlayerPause size={12} />} onClick={() => setPaused(!paused)}>{paused ? t('resume') : t('pause')}</Button>
          <Badge size="sm" variant="dot" color={!live.connected ? 'red' : paused ? 'gray' : 'green'} tt="none">{!live.connected ? t('followLost') : paused ? t('followPaused', { n: count(live.waiting) }) : t('followingSince')}</Badge>
          {live.rate !== undefined && live.connected && <Text size="xs" c="dimmed">{t('perSecond', { n: short(live.rate) })}</Text>}
        </Group>
        <Text size="xs" c="dimmed">{t('followCut', { n: count(mostLive) })}</Text>
      </Group>
      {live.rows.length === 0 ? <Empty title={t('followWaiting')} hint={t('follow')} height={200} /> : (
        <div className={classes.rows} onScrollCapture={(e) => setScrolled(e.target instanceof HTMLElement && e.target.scrollTop > 40)}>
          {live.waiting > 0 && <Button className={classes.pill} size="compact-xs" radius="xl" onClick={live.show}>{t('newCalls', { count: live.waiting })}</Button>}
          <DataTable columns={shown} rows={live.rows} rowKey={(c) => c.id} label={t('liveTail')} rowHeight={dense ? 26 : 34} height="100%" onOpen={onOpen} selected={open === '' ? undefined : open} rowTone={(c) => (c.status === 'error' ? 'critical' : undefined)} />
        </div>
      )}
    </>
  );
}
