import { Button, Menu, Text } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { base, queryString } from '~/api/client';
import { niceStep } from '~/api/prom';
import { common } from '~/i18n/common';
import { useTime } from '~/state/time';
import { useScope } from './data';
import { cost } from './messages';

/** Downloads: plain links, so that the browser writes to disk as the file comes. */
export function Export() {
  const t = cost.useT();
  const c = common.useT();
  const { by, filters } = useScope();
  const { api, range } = useTime();
  const groups = { ...filters, ...api, by };
  const steps = { ...groups, step: `${Math.max(60, niceStep(range.seconds, 60))}s` };
  const calls = { ...filters, ...api };
  // Its whole name, with what is exported: that is only above it.
  const item = (of: string, label: string, path: string, params: Record<string, string | boolean>) => <Menu.Item component="a" href={base + path + queryString(params)} download aria-label={`${of}: ${label}`}>{label}</Menu.Item>;
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target><Button size="xs" variant="default" leftSection={<IconDownload size={14} />}>{c('export')}</Button></Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t('exportGroups')}</Menu.Label>
        {item(t('exportGroups'), t('csv'), '/costs/export', { ...groups, format: 'csv' })}
        {item(t('exportGroups'), t('csvExcel'), '/costs/export', { ...groups, format: 'csv', bom: true })}
        {item(t('exportGroups'), t('parquet'), '/costs/export', { ...groups, format: 'parquet' })}
        <Menu.Label>{t('exportSteps')}</Menu.Label>
        {item(t('exportSteps'), t('csv'), '/costs/export', { ...steps, format: 'csv' })}
        {item(t('exportSteps'), t('parquet'), '/costs/export', { ...steps, format: 'parquet' })}
        <Menu.Label>{t('exportCalls')}</Menu.Label>
        {item(t('exportCalls'), t('csv'), '/calls/export', { ...calls, format: 'csv' })}
        {item(t('exportCalls'), t('csvExcel'), '/calls/export', { ...calls, format: 'csv', bom: true })}
        {item(t('exportCalls'), t('parquet'), '/calls/export', { ...calls, format: 'parquet' })}
        {item(t('exportCalls'), t('jsonl'), '/calls/export', { ...calls, format: 'jsonl' })}
        <Text size="xs" c="dimmed" px="sm" py={4} maw={240}>{t('exportNote')}</Text>
      </Menu.Dropdown>
    </Menu>
  );
}
