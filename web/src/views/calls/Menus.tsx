// Menus of the list: columns, copy, export.

import { ActionIcon, Button, Checkbox, Menu, ScrollArea, Stack, Text, Tooltip } from '@mantine/core';
import { IconColumns3, IconCopy, IconDownload } from '@tabler/icons-react';
import { base, queryString, type Params } from '~/api/client';
import { count } from '~/format/number';
import { common } from '~/i18n/common';
import { curl, useCopy } from '~/ui/Copy';
import { columnIds, defaultColumns, useTitles, type ColumnId } from './columns';
import { calls } from './messages';
import type { Order } from './useCalls';

export function ColumnMenu({ chosen, onChange, dense, onDense }: { chosen: readonly ColumnId[]; onChange: (c: ColumnId[]) => void; dense: boolean; onDense: (d: boolean) => void }) {
  const t = calls.useT();
  const title = useTitles();
  return (
    <Menu position="bottom-end" closeOnItemClick={false} withinPortal>
      <Menu.Target><Tooltip label={t('chooseColumns')}><ActionIcon variant="subtle" color="gray" size="sm" aria-label={t('chooseColumns')}><IconColumns3 size={16} /></ActionIcon></Tooltip></Menu.Target>
      <Menu.Dropdown p={6}>
        <ScrollArea.Autosize mah={340} scrollbarSize={6}>
          <Stack gap={4} px={4}>
            {columnIds.map((id) => <Checkbox key={id} size="xs" label={title(id)} checked={chosen.includes(id)} disabled={chosen.length === 1 && chosen[0] === id} onChange={(e) => onChange(e.currentTarget.checked ? columnIds.filter((c) => c === id || chosen.includes(c)) : chosen.filter((c) => c !== id))} />)}
          </Stack>
        </ScrollArea.Autosize>
        <Menu.Divider />
        <Stack gap={6} px={4}>
          <Checkbox size="xs" label={t('density')} checked={dense} onChange={(e) => onDense(e.currentTarget.checked)} />
          <Button size="compact-xs" variant="subtle" onClick={() => onChange([...defaultColumns])}>{t('defaultColumns')}</Button>
        </Stack>
      </Menu.Dropdown>
    </Menu>
  );
}

export function CopyMenu({ logsql, params }: { logsql: string; params: Params }) {
  const t = calls.useT();
  const c = common.useT();
  const copy = useCopy();
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target><Tooltip label={c('copyAs')}><ActionIcon variant="subtle" color="gray" size="sm" aria-label={t('copyFilter')}><IconCopy size={16} /></ActionIcon></Tooltip></Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => copy(logsql)}>{c('copyLogsQL')}</Menu.Item>
        <Menu.Item onClick={() => copy(curl('/calls', params))}>{c('copyCurl')}</Menu.Item>
        <Menu.Item onClick={() => copy(window.location.href)}>{c('copyLink')}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

const mostRows = 1_000_000;

/** Files of the calls that match; the browser saves them as they come. */
export function ExportMenu({ filter, range, order, total }: { filter: Params; range: { start: string; end: string }; order: Order; total: number | undefined }) {
  const t = calls.useT();
  const many = total !== undefined && total > mostRows;
  const href = (format: string, bom = false) => base + '/calls/export' + queryString({ ...filter, ...range, format, order: order === 'oldest' && !many ? 'oldest' : undefined, limit: many ? mostRows : undefined, bom: bom ? true : undefined });
  const item = (label: string, format: string, bom = false) => <Menu.Item component="a" href={href(format, bom)} download>{label}</Menu.Item>;
  return (
    <Menu position="bottom-end" width={250} withinPortal>
      <Menu.Target><Tooltip label={t('exportCalls')}><ActionIcon variant="subtle" color="gray" size="sm" aria-label={t('exportCalls')}><IconDownload size={16} /></ActionIcon></Tooltip></Menu.Target>
      <Menu.Dropdown>
        {item(t('exportAs', { format: 'CSV' }), 'csv')}
        {item(t('exportAs', { format: t('exportCsvExcel') }), 'csv', true)}
        {item(t('exportAs', { format: 'Parquet' }), 'parquet')}
        {item(t('exportAs', { format: t('jsonLines') }), 'jsonl')}
        <Menu.Divider />
        <Text size="xs" c="dimmed" px="xs" pb={4}>{t('exportNote')}{many ? ` ${t('exportCut', { n: count(total) })}` : ''}</Text>
      </Menu.Dropdown>
    </Menu>
  );
}
