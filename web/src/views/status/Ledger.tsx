import { Badge, Group, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { get } from '~/api/client';
import type { LedgerEntry } from '~/api/types';
import { count } from '~/format/number';
import { useSettings } from '~/state/settings';
import { curl } from '~/ui/Copy';
import { DataTable, type Column } from '~/ui/DataTable';
import { Panel } from '~/ui/Panel';
import { Empty, States } from '~/ui/states';
import { LevelBadge } from '~/ui/values';
import { common } from '~/i18n/common';
import { balance, droppedOf } from './ledger';
import { status } from './messages';

export default function Ledger() {
  const t = status.useT();
  const c = common.useT();
  const { tick } = useSettings();
  const q = useQuery({ queryKey: ['ledger', tick], queryFn: ({ signal }) => get<{ sources: LedgerEntry[] }>('/ledger', {}, signal), placeholderData: (was) => was });
  const columns: Column<LedgerEntry>[] = [
    { id: 'source', title: c('source'), width: '140px', cell: (e) => e.source },
    { id: 'received', title: t('received'), align: 'right', width: '120px', cell: (e) => <span title={e.restored > 0 ? `${count(e.restored)} ${t('restored')}` : undefined}>{count(e.received)}</span> },
    { id: 'stored', title: t('stored'), align: 'right', width: '120px', cell: (e) => count(e.stored) },
    { id: 'flight', title: t('inFlight'), align: 'right', width: '110px', cell: (e) => count(e.in_flight) },
    { id: 'dropped', title: t('dropped'), align: 'right', width: '110px', cell: (e) => count(droppedOf(e)) },
    { id: 'balance', title: c('state'), width: '160px', cell: (e) => (balance(e) === 0 ? <LevelBadge level="ok">{t('balanced')}</LevelBadge> : <LevelBadge level="critical">{t('unbalanced')} ({balance(e)})</LevelBadge>) },
    { id: 'reasons', title: t('reasons'), width: 'minmax(200px, 1fr)', cell: (e) => <Group gap={4} wrap="nowrap">{Object.entries(e.dropped ?? {}).map(([reason, n]) => <Badge key={reason} size="sm" variant="light" color="orange" tt="none">{reason} {count(n)}</Badge>)}</Group> },
  ];
  return (
    <Panel title={t('ledger')} curl={curl('/ledger')}>
      <Text size="sm" c="dimmed" mb="xs">{t('ledgerIntro')}</Text>
      <States query={q} empty={(d) => d.sources.length === 0} emptyState={<Empty title={t('emptyLedger')} />}>
        {(d) => <DataTable label={t('ledger')} columns={columns} rows={d.sources} rowKey={(e) => e.source} rowTone={(e) => (balance(e) !== 0 ? 'critical' : droppedOf(e) > 0 ? 'warning' : undefined)} />}
      </States>
    </Panel>
  );
}
