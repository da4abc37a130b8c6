import { Button, Divider, Group, NavLink, SegmentedControl, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { duration } from '~/format/number';
import { dateTime } from '~/format/time';
import { parseDuration, parseTime, presets, useTime } from '~/state/time';
import { useSettings, type Zone } from '~/state/settings';
import { app } from './messages';

/** A text of a date without a zone, read in the zone that was chosen. */
function inZone(text: string, zone: Zone): string {
  const m = /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}(?::\d{2})?))?$/.exec(text.trim());
  if (m === null) return text.trim();
  const iso = `${m[1]}T${m[2] ?? '00:00'}`;
  const ms = Date.parse(zone === 'UTC' ? iso + 'Z' : iso);
  return Number.isNaN(ms) ? text.trim() : new Date(ms).toISOString();
}

/** Presets, an absolute range, the time zone and the refresh interval. */
export default function TimeForm({ onDone }: { onDone: () => void }) {
  const t = app.useT();
  const { range, set } = useTime();
  const { zone, zoneName, change, refresh } = useSettings();
  const show = (text: string, ms: number) => (/^(-|now)/.test(text) ? text : dateTime(ms, zone));
  const [start, setStart] = useState(() => show(range.start, range.from));
  const [end, setEnd] = useState(() => show(range.end, range.to));
  const last = (p: string) => t('last', { d: duration(parseDuration(p.slice(1)) ?? 0) });
  const from = parseTime(inZone(start, zone), Date.now());
  const to = parseTime(inZone(end, zone), Date.now());
  const order = from !== undefined && to !== undefined && from >= to;
  const apply = () => {
    if (from === undefined || to === undefined || order) return;
    set(inZone(start, zone), inZone(end, zone));
    onDone();
  };
  return (
    <Group align="flex-start" gap="xs" wrap="nowrap">
      <Stack gap={0} w={120}>
        {presets.map((p) => (
          <NavLink key={p} component="button" type="button" py={3} label={last(p)} active={range.live && range.start === p} onClick={() => { set(p, 'now'); onDone(); }} />
        ))}
      </Stack>
      <Divider orientation="vertical" />
      <form onSubmit={(e) => { e.preventDefault(); apply(); }} style={{ flex: 1 }}>
        <Stack gap={6}>
          <Text size="xs" fw={600}>{t('custom')}</Text>
          <TextInput size="xs" label={t('start')} value={start} onChange={(e) => setStart(e.currentTarget.value)} error={from === undefined ? t('badTime') : order ? t('startAfterEnd') : undefined} data-autofocus />
          <TextInput size="xs" label={t('end')} value={end} onChange={(e) => setEnd(e.currentTarget.value)} error={to === undefined ? t('badTime') : undefined} />
          <Text size="xs" c="dimmed">{t('timeHelp')}</Text>
          <Button size="xs" type="submit">{t('apply')}</Button>
          <Divider />
          <Text size="xs" fw={600}>{t('timeZone')}: {zoneName}</Text>
          <SegmentedControl size="xs" value={zone} onChange={(v) => change({ zone: v as Zone })} data={[{ value: 'local', label: t('local') }, { value: 'UTC', label: 'UTC' }]} aria-label={t('timeZone')} />
          <Text size="xs" fw={600}>{t('refreshEvery')}</Text>
          <SegmentedControl size="xs" value={String(refresh)} onChange={(v) => change({ refresh: Number(v) })} data={[{ value: '0', label: t('off') }, { value: '5', label: '5s' }, { value: '30', label: '30s' }, { value: '300', label: '5m' }]} aria-label={t('refreshEvery')} />
        </Stack>
      </form>
    </Group>
  );
}
