import { Button, Group, SegmentedControl, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core';
import { IconArrowLeft } from '@tabler/icons-react';
import type { SLOStatus } from '~/api/types';
import { short, percent } from '~/format/number';
import { Link } from '~/ui/Link';
import { Panel } from '~/ui/Panel';
import { Stat } from '~/ui/Stat';
import { LevelBadge } from '~/ui/values';
import { BurnDown, BurnRates, ErrorRate, EventRates } from './Charts';
import { useSpan } from './data';
import { m } from './messages';
import { InWords, StateBadge, useIndicator, windowText } from './parts';
import { badCalls, burn, hottest, variant } from './slo';

/** One objective: how it stands, how it came to that, when it alerts, and which calls are behind it. */
export function Detail({ s }: { s: SLOStatus }) {
  const t = m.useT();
  const indicator = useIndicator();
  const span = useSpan(s);
  const calls = badCalls(s);
  const hot = hottest(s);
  const label = s.indicator === 'quality' ? t('badScores') : s.indicator === 'cost_per_request' ? t('costlyCalls') : ['latency', 'ttft', 'tpot'].includes(s.indicator) ? t('slowCalls') : t('badCalls');
  const level = s.state === 'exhausted' ? 'critical' : s.state === 'burning' ? 'warning' : undefined;
  return (
    <Stack gap="xs">
      <Group justify="space-between" align="flex-start" gap="xs">
        <Stack gap={2} style={{ minWidth: 0 }}>
          <Link to="/slos" size="xs"><Group gap={4}><IconArrowLeft size={12} />{t('back')}</Group></Link>
          <Group gap="xs"><Title order={1} fz="lg">{s.name}</Title><StateBadge s={s} /></Group>
          <Text size="sm">{s.description}</Text>
          <Text size="xs" c="dimmed">{indicator(s.indicator)} · {t('objectiveOf', { p: percent(s.objective), window: s.window === 'month' ? t('month') : windowText(s.window) })}{variant(s) === '' ? '' : ` · ${variant(s)}`}</Text>
          <InWords s={s} />
        </Stack>
        <Group gap="xs">
          {calls !== undefined && <Button size="xs" variant="light" renderRoot={(p) => <Link to={calls} {...p}>{p.children}</Link>}>{label}</Button>}
          <Button size="xs" variant="default" renderRoot={(p) => <Link to={'/alerts?search=' + encodeURIComponent(`slo=${s.name}`)} {...p}>{p.children}</Link>}>{t('firingAlerts')}</Button>
        </Group>
      </Group>
      <SimpleGrid cols={{ base: 2, md: 4 }} spacing="xs">
        <Stat title={t('attainment')} value={s.attainment} unit="ratio" level={level} note={`${t('objective')} ${percent(s.objective)}`} />
        <Stat title={t('budget')} value={s.budget_remaining} unit="ratio" level={level} />
        <Stat title={t('events')} value={s.events} unit="count" note={s.bad_events === undefined ? undefined : t('badEvents', { count: short(s.bad_events) })} />
        <Stat title={t('burn')} value={hot?.rate ?? s.burn_rates?.[0]?.rate} unit="score" description={t('burnHint')} note={hot === undefined ? windowText(s.burn_rates?.[0]?.window ?? '') : `${windowText(hot.window)} · ${hot.met ? '≥' : '<'} ${t('times', { n: short(hot.factor) })}`} />
      </SimpleGrid>
      <Group gap="xs"><SegmentedControl size="xs" aria-label={t('span')} value={span.whole ? 'window' : 'range'} onChange={(v) => span.set(v)} data={[{ value: 'range', label: t('pageRange') }, { value: 'window', label: `${t('wholeWindow')} (${s.window === 'month' ? t('month') : windowText(s.window)})` }]} /></Group>
      <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="xs">
        <BurnDown s={s} span={span} />
        <BurnRates s={s} span={span} />
        <ErrorRate s={s} span={span} />
        <EventRates s={s} span={span} />
      </SimpleGrid>
      <AlertTable s={s} />
    </Stack>
  );
}

function AlertTable({ s }: { s: SLOStatus }) {
  const t = m.useT();
  const list = s.alerts ?? [];
  return (
    <Panel title={t('alerts')}>
      {list.length === 0 ? <Text size="sm" c="dimmed">{t('noAlerts')}</Text> : (
        <Table.ScrollContainer minWidth={520}>
          <Table fz="sm" verticalSpacing={4} aria-label={t('alerts')}>
            <Table.Thead><Table.Tr><Table.Th>{t('level')}</Table.Th><Table.Th>{t('condition')}</Table.Th><Table.Th ta="right">{t('burn')}</Table.Th><Table.Th>{t('state')}</Table.Th></Table.Tr></Table.Thead>
            <Table.Tbody>
              {list.map((a) => (
                <Table.Tr key={`${a.level}${a.long}`}>
                  <Table.Td>{a.level === 'page' ? t('page') : a.level === 'ticket' ? t('ticket') : a.level}</Table.Td>
                  <Table.Td>{t('conditionText', { factor: short(a.factor), long: windowText(a.long), short: windowText(a.short) })}<Text size="xs" c="dimmed">{t('conditionMore', { threshold: percent(a.threshold), consumed: percent(a.consumed) })}{s.min_errors !== undefined && ` · ${t('minErrors', { n: short(s.min_errors) })}`}</Text></Table.Td>
                  <Table.Td ta="right" className="num">{windowText(a.long)}: {t('times', { n: short(burn(s, a.long)) })} · {windowText(a.short)}: {t('times', { n: short(burn(s, a.short)) })}</Table.Td>
                  <Table.Td>{a.off === true && <Text size="xs" c="dimmed">{t('alertOff')}</Text>}<LevelBadge level={a.met ? (a.level === 'page' ? 'critical' : 'warning') : 'muted'}>{a.met ? t('met') : t('notMet')}</LevelBadge></Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </Panel>
  );
}
