import { Badge, Drawer, Group, Paper, SegmentedControl, Select, Stack, Table, Text, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { lazy, Suspense, useMemo } from 'react';
import { PromQLText } from '~/editor';
import { duration } from '~/format/number';
import { common } from '~/i18n/common';
import { useParam, useParams } from '~/state/url';
import { CopyButton } from '~/ui/Copy';
import { DataTable, useSorted, type Column } from '~/ui/DataTable';
import { Link } from '~/ui/Link';
import { Empty, Failure, Loading, States } from '~/ui/states';
import { When } from '~/ui/values';
import { rank, shortKey, type Rule } from './alerts';
import { useRules } from './data';
import { LabelList, Severity, StateBadge } from './marks';
import { m } from './messages';

const Packs = lazy(() => import('./Packs'));
const none = new Set<string>();

interface FlatRule extends Rule {
  id: string;
  group: string;
  file: string;
  interval: number;
}

/** All rules that are evaluated, and where they come from. */
export function Rules() {
  const t = m.useT();
  const [view, setView] = useParam('view', 'rules');
  return (
    <Stack gap="xs">
      <SegmentedControl size="xs" w="fit-content" aria-label={t('view')} value={view} onChange={setView} data={[{ value: 'rules', label: t('evaluatedRules') }, { value: 'packs', label: t('packs') }]} />
      {view === 'packs' ? <Suspense fallback={<Loading />}><Packs /></Suspense> : <Evaluated />}
    </Stack>
  );
}

const stateRank = { firing: 3, pending: 2, inactive: 1, unknown: 0 };

function Evaluated() {
  const t = m.useT();
  const c = common.useT();
  const q = useRules();
  const [search, setSearch] = useParam('search');
  const [type, setType] = useParam('type', 'alerting');
  const [params, setParams] = useParams();
  const state = params.get('state') ?? '';
  const health = params.get('health') ?? '';
  const open = params.get('rule');
  const all = useMemo<FlatRule[]>(() => (q.data ?? []).flatMap((g) => g.rules.map((r, i) => ({ ...r, id: shortKey(`${g.file} ${g.name} ${i}`), group: g.name, file: g.file, interval: g.interval }))), [q.data]);
  const words = search.toLowerCase().split(/\s+/).filter((w) => w !== '');
  const rows = all.filter((r) => (type === 'all' || r.type === type) && (state === '' || r.state === state) && (health === '' || r.health === health) && words.every((w) => `${r.name} ${r.group} ${r.file} ${r.query}`.toLowerCase().includes(w)));
  const columns = useMemo<Column<FlatRule>[]>(() => [
    { id: 'state', title: t('state'), width: '92px', cell: (r) => (r.type === 'recording' ? <Badge size="sm" variant="outline" color="gray" tt="none">{t('recording')}</Badge> : <StateBadge state={r.state ?? 'unknown'} />), value: (r) => (r.health === 'err' ? 4 : stateRank[r.state ?? 'unknown'] + (4 - rank(r.labels?.severity ?? '')) / 10) },
    { id: 'name', title: t('name'), width: 'minmax(170px, 1fr)', cell: (r) => <Group gap={4} wrap="nowrap">{r.health === 'err' && <Badge size="xs" color="red" tt="none">{t('broken')}</Badge>}<span title={r.name}>{r.name}</span></Group>, value: (r) => r.name },
    { id: 'group', title: t('group'), width: 'minmax(110px, 170px)', cell: (r) => <span title={r.file}>{r.group}</span>, value: (r) => r.group },
    { id: 'expr', title: t('expression'), width: 'minmax(240px, 2.4fr)', cell: (r) => <span className="mono" title={r.query}>{r.query.replace(/\s+/g, ' ')}</span> },
    { id: 'for', title: t('holds'), width: '70px', align: 'right', cell: (r) => (r.type === 'alerting' ? duration(r.duration ?? 0) : ''), value: (r) => r.duration },
    { id: 'last', title: t('evaluated'), width: '100px', cell: (r) => (r.health === 'unknown' ? '' : <When time={r.lastEvaluation} />), value: (r) => r.lastEvaluation },
    { id: 'took', title: t('took'), width: '80px', align: 'right', cell: (r) => duration(r.evaluationTime), value: (r) => r.evaluationTime },
  ], [t]);
  const sorted = useSorted(rows, columns, 'state');
  const chosen = open === null ? undefined : all.find((r) => r.id === open);
  return (
    <>
      <Group gap="xs">
        <SegmentedControl size="xs" aria-label={t('type')} value={type} onChange={setType} data={[{ value: 'alerting', label: t('alerting') }, { value: 'recording', label: t('recording') }, { value: 'all', label: t('allTypes') }]} />
        <Select size="xs" w={120} aria-label={t('state')} placeholder={t('state')} clearable value={state === '' ? null : state} onChange={(v) => setParams({ state: v })} data={[{ value: 'firing', label: t('stateFiring') }, { value: 'pending', label: t('statePending') }, { value: 'inactive', label: t('stateInactive') }]} clearButtonProps={{ 'aria-label': c('clear') }} />
        <Select size="xs" w={120} aria-label={t('health')} placeholder={t('health')} clearable value={health === '' ? null : health} onChange={(v) => setParams({ health: v })} data={[{ value: 'ok', label: t('healthy') }, { value: 'err', label: t('broken') }, { value: 'unknown', label: t('unknownHealth') }]} clearButtonProps={{ 'aria-label': c('clear') }} />
        <TextInput size="xs" flex={1} maw={380} miw={160} value={search} onChange={(e) => setSearch(e.currentTarget.value)} leftSection={<IconSearch size={14} />} placeholder={t('searchRules')} aria-label={t('searchRules')} data-search="" />
        <Text size="xs" c="dimmed">{t('nRules', { count: rows.length })}</Text>
      </Group>
      <States query={q} height={300}>
        {() => (rows.length === 0 ? <Empty title={t('noRules')} hint={search} /> : (
          <Paper withBorder radius="md" style={{ overflow: 'hidden' }}><DataTable {...sorted} rowKey={(r) => r.id} label={t('rulesTable')} height="max(300px, calc(100vh - 250px))" onOpen={(r) => setParams({ rule: r.id }, { push: true })} selected={open ?? undefined} rowTone={(r) => (r.health === 'err' || r.state === 'firing' ? 'critical' : r.state === 'pending' ? 'warning' : undefined)} /></Paper>
        ))}
      </States>
      {chosen !== undefined && <RuleDrawer rule={chosen} onClose={() => setParams({ rule: null })} />}
    </>
  );
}

function RuleDrawer({ rule, onClose }: { rule: FlatRule; onClose: () => void }) {
  const t = m.useT();
  const c = common.useT();
  const rows: [string, React.ReactNode][] = [
    [t('group'), `${rule.group} · ${t('every', { d: duration(rule.interval) })}`],
    [t('file'), <span key="f" style={{ overflowWrap: 'anywhere' }}>{rule.file}</span>],
    [t('evaluated'), <span key="e"><When time={rule.lastEvaluation} /> · {t('took')} {duration(rule.evaluationTime)}</span>],
  ];
  if (rule.type === 'alerting') rows.push([t('holds'), duration(rule.duration ?? 0)]);
  if ((rule.keepFiringFor ?? 0) > 0) rows.push([t('keepFiring'), duration(rule.keepFiringFor)]);
  if (rule.labels !== undefined && Object.keys(rule.labels).length > 0) rows.push([t('labels'), <LabelList key="l" labels={rule.labels} skip={none} />]);
  return (
    <Drawer opened onClose={onClose} position="right" size="lg" title={rule.name} closeButtonProps={{ 'aria-label': c('close') }}>
      <Stack gap="sm">
        <Group gap={6}>
          {rule.type === 'alerting' ? <StateBadge state={rule.state ?? 'unknown'} /> : <Badge size="sm" variant="outline" color="gray" tt="none">{t('recording')}</Badge>}
          {rule.labels?.severity !== undefined && <Severity severity={rule.labels.severity} />}
          <Badge size="sm" variant="light" tt="none" color={rule.health === 'ok' ? 'green' : rule.health === 'err' ? 'red' : 'gray'}>{rule.health === 'ok' ? t('healthy') : rule.health === 'err' ? t('broken') : t('unknownHealth')}</Badge>
        </Group>
        {rule.lastError !== undefined && rule.lastError !== '' && <Failure error={new Error(rule.lastError)} compact />}
        <div><PromQLText expr={rule.query} /> <CopyButton text={rule.query} label={c('copyPromQL')} /></div>
        <Link to={'/query?expr=' + encodeURIComponent(rule.query)} size="sm">{t('openInQuery')}</Link>
        <Table fz="xs" verticalSpacing={3} withRowBorders={false}><Table.Tbody>{rows.map(([k, v]) => <Table.Tr key={k}><Table.Td w={110} c="dimmed">{k}</Table.Td><Table.Td>{v}</Table.Td></Table.Tr>)}</Table.Tbody></Table>
        {rule.annotations !== undefined && Object.keys(rule.annotations).length > 0 && (
          <>
            <Text size="sm" fw={600}>{t('otherAnnotations')}</Text>
            <Table fz="xs" verticalSpacing={3} layout="fixed"><Table.Tbody>{Object.entries(rule.annotations).map(([k, v]) => <Table.Tr key={k}><Table.Td w={120} c="dimmed">{k}</Table.Td><Table.Td style={{ overflowWrap: 'anywhere' }}>{v}</Table.Td></Table.Tr>)}</Table.Tbody></Table>
          </>
        )}
        {(rule.alerts ?? []).length > 0 && (
          <>
            <Text size="sm" fw={600}>{t('currentAlerts')}</Text>
            {(rule.alerts ?? []).slice(0, 50).map((a) => <Group key={JSON.stringify(a.labels)} gap={6} align="flex-start" wrap="nowrap"><StateBadge state={a.state} /><LabelList labels={a.labels} /></Group>)}
          </>
        )}
      </Stack>
    </Drawer>
  );
}
