import { Badge, Group, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { prom } from '~/api/prom';
import { duration } from '~/format/number';
import { useSettings } from '~/state/settings';
import { curl } from '~/ui/Copy';
import { DataTable, type Column } from '~/ui/DataTable';
import { Link } from '~/ui/Link';
import { Panel } from '~/ui/Panel';
import { Empty, States } from '~/ui/states';
import { LevelBadge, When } from '~/ui/values';
import { common } from '~/i18n/common';
import { status } from './messages';

interface Target {
  labels: Record<string, string>;
  scrapePool: string;
  scrapeUrl: string;
  lastError: string;
  lastScrape: string;
  lastScrapeDuration: number;
  health: 'up' | 'down' | 'unknown';
}

interface TargetsAnswer {
  activeTargets: Target[];
  droppedTargetCounts?: Record<string, number>;
}

export default function Targets() {
  const t = status.useT();
  const c = common.useT();
  const { tick } = useSettings();
  const q = useQuery({ queryKey: ['targets', tick], queryFn: async ({ signal }) => (await prom<TargetsAnswer>('/targets', { state: 'active' }, signal)).data, placeholderData: (was) => was });
  const columns: Column<Target>[] = [
    { id: 'job', title: t('job'), width: '150px', cell: (x) => x.scrapePool },
    { id: 'health', title: c('state'), width: '110px', cell: (x) => <LevelBadge level={x.health === 'up' ? 'ok' : x.health === 'down' ? 'critical' : 'muted'}>{t(x.health)}</LevelBadge> },
    { id: 'url', title: t('target'), width: 'minmax(240px, 1fr)', cell: (x) => <span className="mono" title={x.scrapeUrl}>{x.scrapeUrl}</span> },
    { id: 'last', title: t('lastScrape'), width: '130px', cell: (x) => (x.lastScrape.startsWith('0001') ? '–' : <When time={x.lastScrape} />) },
    { id: 'took', title: t('scrapeTime'), width: '90px', align: 'right', cell: (x) => duration(x.lastScrapeDuration) },
    { id: 'labels', title: t('labels'), width: 'minmax(220px, 1fr)', cell: (x) => (x.lastError === '' ? <Group gap={4} wrap="nowrap">{Object.entries(x.labels).filter(([k]) => k !== 'job').map(([k, v]) => <Badge key={k} size="sm" variant="default" tt="none">{k}={v}</Badge>)}</Group> : <Text span size="xs" c="red" title={x.lastError}>{x.lastError}</Text>) },
  ];
  return (
    <Panel title={t('targets')} curl={curl('/api/v1/targets')} actions={<Link to="/setup?way=servers" size="xs">{c('setup')}</Link>}>
      <States query={q} empty={(d) => d.activeTargets.length === 0} emptyState={<Empty title={t('noTargets')} hint={t('noTargetsHint')} action={<Link to="/setup?way=servers" size="sm">{c('setup')}</Link>} />}>
        {(d) => {
          const droppedCount = Object.values(d.droppedTargetCounts ?? {}).reduce((a, b) => a + b, 0);
          return <DataTable label={t('targets')} columns={columns} rows={[...d.activeTargets].sort((a, b) => Number(a.health === 'up') - Number(b.health === 'up') || a.scrapePool.localeCompare(b.scrapePool))} rowKey={(x) => x.scrapePool + x.scrapeUrl} rowTone={(x) => (x.health === 'down' ? 'critical' : undefined)} footer={droppedCount > 0 ? t('droppedTargets', { count: droppedCount }) : undefined} />;
        }}
      </States>
    </Panel>
  );
}
