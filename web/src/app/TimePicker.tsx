import { ActionIcon, Button, Group, Popover, Tooltip } from '@mantine/core';
import { IconChevronDown, IconChevronLeft, IconChevronRight, IconClock, IconRefresh, IconZoomOut } from '@tabler/icons-react';
import { useIsFetching } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { duration } from '~/format/number';
import { compact } from '~/format/time';
import { parseDuration, useTime } from '~/state/time';
import { useSettings } from '~/state/settings';
import { app } from './messages';

const TimeForm = lazy(() => import('./TimeForm'));

export function TimePicker() {
  const t = app.useT();
  const { range, zoomOut, shift } = useTime();
  const { zone, refreshNow } = useSettings();
  const [open, setOpen] = useState(false);
  const fetching = useIsFetching();
  const relative = range.live && range.start.startsWith('-') ? parseDuration(range.start.slice(1)) : undefined;
  const label = relative !== undefined ? t('last', { d: duration(relative) }) : `${compact(range.from, zone)} – ${range.live ? t('live') : compact(range.to, zone)}`;
  return (
    <Group gap={2} wrap="nowrap">
      <Tooltip label={t('earlier')}><ActionIcon visibleFrom="sm" variant="subtle" color="gray" aria-label={t('earlier')} onClick={() => shift(-1)}><IconChevronLeft size={16} /></ActionIcon></Tooltip>
      <Popover opened={open} onChange={setOpen} position="bottom-end" width={330} trapFocus withinPortal>
        <Popover.Target>
          <Button variant="default" size="xs" leftSection={<IconClock size={14} />} rightSection={<IconChevronDown size={14} />} onClick={() => setOpen(!open)} aria-label={`${t('timeRange')}: ${label}`} data-testid="time-range">
            {label}
          </Button>
        </Popover.Target>
        <Popover.Dropdown p="xs" mih={120}>
          <Suspense fallback={null}><TimeForm onDone={() => setOpen(false)} /></Suspense>
        </Popover.Dropdown>
      </Popover>
      <Tooltip label={t('later')}><ActionIcon visibleFrom="sm" variant="subtle" color="gray" aria-label={t('later')} onClick={() => shift(1)} disabled={range.live}><IconChevronRight size={16} /></ActionIcon></Tooltip>
      <Tooltip label={t('zoomOut')}><ActionIcon visibleFrom="sm" variant="subtle" color="gray" aria-label={t('zoomOut')} onClick={zoomOut}><IconZoomOut size={16} /></ActionIcon></Tooltip>
      <Tooltip label={t('refreshNow')}><ActionIcon variant="subtle" color="gray" aria-label={t('refreshNow')} onClick={refreshNow} loading={fetching > 0} loaderProps={{ size: 14 }}><IconRefresh size={16} /></ActionIcon></Tooltip>
    </Group>
  );
}
