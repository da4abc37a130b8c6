import { Button, Group, Paper, SegmentedControl, Stack, Text, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useMemo } from 'react';
import { duration } from '~/format/number';
import { useLanguage } from '~/i18n';
import { useSettings } from '~/state/settings';
import { useParam } from '~/state/url';
import { Link } from '~/ui/Link';
import { Empty, Failure, States } from '~/ui/states';
import { AlertDetail } from './AlertDetail';
import { annotation, groupAlerts, isQuiet, shortKey, type AlertGroup, type AlertItem } from './alerts';
import { useAlerts } from './data';
import { LabelList, levelOf, QuietMarks, Severity, StateBadge } from './marks';
import { m } from './messages';
import classes from './alerts.module.css';

const filters = ['all', 'firing', 'pending', 'quiet'] as const;

function matches(a: AlertItem, text: string, state: string): boolean {
  if (state === 'firing' && (a.state !== 'firing' || isQuiet(a))) return false;
  if (state === 'pending' && a.state !== 'pending') return false;
  if (state === 'quiet' && !isQuiet(a)) return false;
  const words = text.toLowerCase().split(/\s+/).filter((w) => w !== '');
  if (words.length === 0) return true;
  const hay = [...Object.entries(a.labels).map(([k, v]) => `${k}=${v}`), ...Object.values(a.annotations)].join(' ').toLowerCase();
  return words.every((w) => hay.includes(w));
}

/** What fires and what is about to. */
export function Firing({ onSilence }: { onSilence: (a: AlertItem) => void }) {
  const t = m.useT();
  const q = useAlerts();
  const [search, setSearch] = useParam('search');
  const [state, setState] = useParam('state', 'all');
  const list = useMemo(() => (q.data ?? []).filter((a) => matches(a, search, state)), [q.data, search, state]);
  const groups = useMemo(() => groupAlerts(list), [list]);
  const names = { all: t('stateAll'), firing: t('stateFiring'), pending: t('statePending'), quiet: t('stateQuiet') };
  const counts = { all: q.data?.length, firing: q.data?.filter((a) => a.state === 'firing' && !isQuiet(a)).length, pending: q.data?.filter((a) => a.state === 'pending').length, quiet: q.data?.filter(isQuiet).length };
  return (
    <Stack gap="xs">
      <Group gap="xs">
        <SegmentedControl size="xs" aria-label={t('show')} value={state} onChange={setState} data={filters.map((f) => ({ value: f, label: counts[f] === undefined ? names[f] : `${names[f]} ${counts[f]}` }))} />
        <TextInput size="xs" flex={1} maw={420} miw={180} value={search} onChange={(e) => setSearch(e.currentTarget.value)} leftSection={<IconSearch size={14} />} placeholder={t('filter')} aria-label={t('filter')} data-search="" />
      </Group>
      {q.partial !== null && <Failure error={q.partial} compact retry={q.refetch} />}
      <States
        query={q} height={240} empty={(all) => all.length === 0}
        emptyState={<Paper withBorder radius="md"><Empty title={t('noAlerts')} hint={t('noAlertsHint')} height={260} action={<Group gap="md"><Link to="/alerts/history" size="sm">{t('toHistory')}</Link><Link to="/alerts/rules" size="sm">{t('toRules')}</Link></Group>} /></Paper>}
      >
        {() => (groups.length === 0 ? <Empty title={t('noMatch')} hint={search} /> : <>{groups.map((g) => <GroupOfAlerts key={`${g.severity} ${g.name}`} group={g} onSilence={onSilence} />)}</>)}
      </States>
    </Stack>
  );
}

const shown = 8;

function GroupOfAlerts({ group, onSilence }: { group: AlertGroup; onSilence: (a: AlertItem) => void }) {
  const t = m.useT();
  const [all, setAll] = useParam('more');
  const [open, setOpen] = useParam('alert');
  const whole = all.split(',').includes(group.name);
  const openHere = group.alerts.findIndex((a) => shortKey(a.key) === open);
  const list = whole || openHere >= shown ? group.alerts : group.alerts.slice(0, shown);
  return (
    <Paper withBorder radius="md" component="section" aria-label={`${group.name} (${group.severity})`} className={classes.group} data-level={levelOf(group.severity)} data-calm={group.firing === 0 ? '' : undefined} style={{ overflow: 'hidden' }}>
      <Group gap="xs" px="sm" py={7}>
        <Severity severity={group.severity} />
        <Text fw={600} size="sm">{group.name}</Text>
        <Text size="xs" c="dimmed">
          {[group.firing > 0 ? t('nFiring', { count: group.firing }) : '', group.pending > 0 ? t('nPending', { count: group.pending }) : '', group.quiet > 0 ? t('nQuiet', { count: group.quiet }) : ''].filter((x) => x !== '').join(' · ')}
        </Text>
      </Group>
      {list.map((a) => {
        const id = shortKey(a.key);
        return <AlertRow key={a.key} alert={a} open={open === id} onOpen={() => setOpen(open === id ? null : id)} onSilence={() => onSilence(a)} />;
      })}
      {list.length < group.alerts.length && <Button size="compact-xs" variant="subtle" m={6} onClick={() => setAll([...all.split(',').filter((x) => x !== ''), group.name].join(','))}>+{group.alerts.length - list.length}</Button>}
    </Paper>
  );
}

function AlertRow({ alert, open, onOpen, onSilence }: { alert: AlertItem; open: boolean; onOpen: () => void; onSilence: () => void }) {
  const t = m.useT();
  const language = useLanguage();
  const { tick } = useSettings();
  const age = Math.max(0, (tick - alert.since) / 1000);
  const left = alert.state === 'pending' && alert.holds !== undefined ? Math.max(0, alert.holds - age) : undefined;
  const summary = annotation(alert.annotations, 'summary', language);
  return (
    <>
      <div role="button" tabIndex={0} aria-expanded={open} className={classes.row} data-open={open ? '' : undefined} onClick={onOpen} onKeyDown={(e) => { if (e.key === 'Enter' || e.key === ' ') { e.preventDefault(); onOpen(); } }}>
        <Group gap={4}><StateBadge state={alert.state} /></Group>
        <Stack gap={3} style={{ minWidth: 0 }}>
          <Text size="sm" fw={500} style={{ overflowWrap: 'anywhere' }}>{summary ?? alert.name}</Text>
          <LabelList labels={alert.labels} />
        </Stack>
        <Stack gap={3} align="flex-end">
          <Text size="xs" className="num" style={{ whiteSpace: 'nowrap' }}>{alert.state === 'firing' ? t('firingFor', { d: duration(age) }) : left === undefined ? t('pendingFor', { d: duration(age) }) : t('firesIn', { d: duration(left) })}</Text>
          <Group gap={4}><QuietMarks alert={alert} /></Group>
        </Stack>
      </div>
      {open && <div className={classes.detail}><AlertDetail alert={alert} onSilence={onSilence} /></div>}
    </>
  );
}
