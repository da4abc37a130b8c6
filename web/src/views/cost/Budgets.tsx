// How the budgets stand: in words, as a course, and by account.

import { Badge, Code, Group, Progress, SimpleGrid, Stack, Table, Text, UnstyledButton } from '@mantine/core';
import { useQueries, useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { get } from '~/api/client';
import { niceStep, quote, range as promRange, type Series } from '~/api/prom';
import type { BudgetReport, BudgetStatus } from '~/api/types';
import { meaning } from '~/chart/palette';
import { TimeChart, useScheme } from '~/chart/TimeChart';
import { count, duration, format, percent } from '~/format/number';
import { useSettings } from '~/state/settings';
import { parseDuration } from '~/state/time';
import { curl } from '~/ui/Copy';
import { Link } from '~/ui/Link';
import { Panel } from '~/ui/Panel';
import { Empty, States } from '~/ui/states';
import { LevelBadge, type Level } from '~/ui/values';
import { dimensionName, pathWith } from '~/ui/dimensions';
import { burnDown, ratioOf, standing, type BudgetState } from './burndown';
import { cost } from './messages';

const levels: Record<BudgetState, Level> = { exceeded: 'critical', forecast: 'warning', near: 'warning', ok: 'ok' };

const example = `budgets:
  - name: team-search
    scope: {tag.team: search}
    limit: 800          # US dollars
    period: month
    enforce: off        # off, soft, hard`;

function amount(v: number | undefined, b: BudgetStatus): string {
  return b.unit === 'usd' ? format(v, 'usd') : `${format(v, 'tokens')} tok`;
}

/** Of what was spent over time. */
const stepOf = (from: number, to: number) => niceStep(Math.max(600, to - from), 150);

/** What was spent over time, for all budgets: one request for those with the same period. */
function useSpent(budgets: readonly BudgetStatus[]): Map<string, Series[]> {
  const { tick } = useSettings();
  const minute = Math.floor(tick / 60_000) * 60;
  const windows = useMemo(() => {
    const groups = new Map<string, { length: number; start?: number; names: string[] }>();
    for (const b of budgets) {
      const start = Math.floor(Date.parse(b.start) / 1000);
      const length = Math.max(60, Math.round((Date.parse(b.end) - Date.parse(b.start)) / 1000));
      const key = b.rolling ? `rolling ${length}` : `${start}`;
      const g = groups.get(key) ?? { length, start: b.rolling ? undefined : start, names: [] };
      g.names.push(b.name);
      groups.set(key, g);
    }
    return [...groups.values()];
  }, [budgets]);
  return useQueries({
    queries: windows.map((w) => {
      const from = w.start ?? minute - w.length;
      const step = stepOf(from, minute);
      const expr = `pitot_budget_spent{budget=~${quote(w.names.map((n) => n.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|'))}}`;
      return { queryKey: ['range', expr, from, minute, step], queryFn: ({ signal }: { signal: AbortSignal }) => promRange(expr, from, minute, step, signal), placeholderData: (was: Series[] | undefined) => was };
    }),
    combine: (results) => {
      const out = new Map<string, Series[]>();
      for (const r of results) for (const s of r.data ?? []) out.set(s.metric['budget'] ?? '', [...(out.get(s.metric['budget'] ?? '') ?? []), s]);
      return out;
    },
  });
}

function Course({ b, series }: { b: BudgetStatus; series: Series[] }) {
  const t = cost.useT();
  const scheme = useScheme();
  const { tick } = useSettings();
  const start = Date.parse(b.start) / 1000;
  const end = Date.parse(b.end) / 1000;
  const account = b.top?.[0]?.account ?? '';
  const own = series.find((s) => (s.metric['account'] ?? '') === account) ?? series[0];
  const name = account === '' ? b.name : `${b.name} · ${account}`;
  const points = (own?.values ?? []).map(([at, v]): [number, number] => [at, Number(v)]);
  const unit = b.unit === 'usd' ? 'usd' : 'tokens';
  if (b.rolling) {
    if (points.length < 2) return <Text size="xs" c="dimmed" py="md" ta="center">{t('noHistoryYet')}</Text>;
    const last = points.at(-1)?.[0] ?? end;
    return <TimeChart times={points.map(([x]) => x)} series={[{ name: t('spent'), values: points.map(([, v]) => v), kind: 'area', colour: meaning[scheme].output }]} thresholds={[{ value: b.limit, level: 'critical', label: t('limit') }]} unit={unit} height={130} label={t('spentOver', { name })} legend={false} from={last - (end - start)} to={last} max={Math.max(b.limit, ...points.map(([, v]) => v)) * 1.05} />;
  }
  const now = Math.min(Math.floor(tick / 1000), end);
  const worst = b.top?.[0];
  const d = burnDown(points, { limit: b.limit, spent: worst?.spent ?? b.spent, forecast: worst?.forecast }, start, end, now, stepOf(start, now));
  return (
    <TimeChart
      times={d.times}
      series={[
        { name: t('remaining'), values: d.remaining, kind: 'area', colour: meaning[scheme].output },
        { name: t('evenPace'), values: d.even, dash: [3, 4], colour: meaning[scheme].muted },
        { name: t('projected'), values: d.projected, dash: [6, 3], colour: meaning[scheme].warning },
      ]}
      unit={unit} height={130} label={t('burnDown', { name })} from={start} to={end}
    />
  );
}

const field = (dimension: string) => (dimension === 'key' ? 'tags.key' : dimension.replace(/^tag\./, 'tags.'));

/** The calls of a budget, as far as a link can say it: dimensions with one plain value. */
const scopeParams = (b: BudgetStatus): Record<string, string> => Object.fromEntries(Object.entries(b.scope ?? {}).flatMap(([k, v]) => (v.length === 1 && v[0]?.startsWith('~') === false ? [[field(k), v[0]]] : [])));

const scopeText = (b: BudgetStatus) => Object.entries(b.scope ?? {}).map(([k, v]) => `${dimensionName(field(k))}: ${v.join(', ')}`).join(' · ');

function Accounts({ b }: { b: BudgetStatus }) {
  const t = cost.useT();
  const [open, setOpen] = useState(b.each !== undefined);
  const top = b.top ?? [];
  if (b.each === undefined || top.length === 0) return null;
  const link = (account: string) => pathWith('/calls', { ...scopeParams(b), [field(b.each ?? 'key')]: account });
  return (
    <div>
      <UnstyledButton fz="xs" fw={600} aria-expanded={open} onClick={() => setOpen(!open)}>{open ? '▾' : '▸'} {t('topAccounts')}</UnstyledButton>
      {open && (
        <Table fz="xs" verticalSpacing={2} aria-label={t('topAccounts')}>
          <Table.Tbody>
            {top.slice(0, 6).map((a) => (
              <Table.Tr key={a.account ?? ''}>
                <Table.Td><Link to={link(a.account ?? '')} size="xs">{a.account ?? '–'}</Link></Table.Td>
                <Table.Td ta="right" className="num">{amount(a.spent, b)}</Table.Td>
                <Table.Td ta="right" className="num">{ratioOf(a, b.limit) >= 1 ? '▲ ' : ''}{ofLimit(ratioOf(a, b.limit))}</Table.Td>
                <Table.Td ta="right" c="dimmed">{a.unpriced ? t('unpricedIn', { n: count(a.unpriced) }) : ''}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </div>
  );
}

/** Of the limit; above it without digits that say nothing. */
const ofLimit = (r: number) => percent(r >= 1 ? Math.round(r * 100) / 100 : r);

function periodText(b: BudgetStatus, t: ReturnType<typeof cost.useT>): string {
  switch (b.period) {
    case 'hour': case 'day': case 'week': case 'month': return t(`period_${b.period}`);
    default: return t('period_rolling', { period: duration(parseDuration(b.period)) });
  }
}

function Budget({ b, series }: { b: BudgetStatus; series: Series[] }) {
  const t = cost.useT();
  const { tick } = useSettings();
  const s = standing(b);
  const worst = b.top?.[0];
  const spent = b.each === undefined ? b.spent : worst?.spent;
  const left = b.limit - (spent ?? 0);
  const passed = [...(b.thresholds ?? [])].filter((x) => x < 100);
  const notes = [
    scopeText(b),
    b.rolling ? (worst?.forecast === undefined ? '' : t('forecastRolling', { usd: amount(worst.forecast, b) })) : worst?.forecast === undefined ? '' : t('forecastEnd', { usd: amount(worst.forecast, b) }),
    b.rolling ? '' : t('endsIn', { time: duration(Math.max(0, (Date.parse(b.end) - tick) / 1000)) }),
    t(`enforce_${b.enforce}`),
    b.denied === undefined || b.denied === 0 ? '' : t('deniedCalls', { count: b.denied }),
    b.each === undefined ? '' : t('accountsAll', { n: count(b.accounts), each: dimensionName(b.each.replace(/^tag\./, 'tags.')).toLowerCase() }),
    b.each !== undefined && b.exceeded > 0 ? t('accountsOver', { n: count(b.exceeded), all: count(b.accounts) }) : '',
    b.unpriced === undefined || b.unpriced === 0 ? '' : t('unpricedIn', { n: count(b.unpriced) }),
  ].filter((x) => x !== '');
  return (
    <Panel title={b.name} description={b.description} id={`budget-${b.name}`} actions={<LevelBadge level={levels[s.state]}>{t(`state_${s.state}`, { threshold: s.threshold ?? '' })}</LevelBadge>}>
      <Stack gap={6}>
        <Group justify="space-between" gap="xs">
          <Text size="sm"><Text span fw={650} fz="lg" className="num">{t('ofLimit', { spent: amount(spent, b), limit: amount(b.limit, b) })}</Text> <Text span size="xs" c="dimmed">{periodText(b, t)}{worst?.account === undefined || worst.account === '' ? '' : ` · ${worst.account}`}</Text></Text>
          <Text size="sm" fw={500} className="num">{ofLimit(s.ratio)} · {left >= 0 ? t('left', { usd: amount(left, b) }) : t('over', { usd: amount(-left, b) })}</Text>
        </Group>
        <div style={{ position: 'relative' }}>
          <Progress value={Math.min(100, Math.round(s.ratio * 1000) / 10)} color={s.state === 'ok' ? 'pitot' : s.state === 'exceeded' ? 'red' : 'orange'} size="md" aria-label={`${b.name}: ${ofLimit(s.ratio)}`} />
          {passed.map((x) => <span key={x} aria-hidden="true" style={{ position: 'absolute', left: `${x}%`, top: -1, bottom: -1, width: 1, background: 'var(--mantine-color-dimmed)' }} />)}
        </div>
        <Text size="xs" c="dimmed">{notes.join(' · ')}</Text>
        {b.incomplete && <Badge size="sm" color="orange" variant="light" tt="none">{t('incomplete')}</Badge>}
        <Course b={b} series={series} />
        <Accounts b={b} />
      </Stack>
    </Panel>
  );
}

export default function Budgets() {
  const t = cost.useT();
  const { tick } = useSettings();
  const query = useQuery({ queryKey: ['budgets', Math.floor(tick / 5000)], queryFn: ({ signal }) => get<BudgetReport>('/budgets', undefined, signal), placeholderData: (was) => was });
  const list = useMemo(() => [...(query.data?.budgets ?? [])].sort((a, b) => standing(b).ratio - standing(a).ratio), [query.data]);
  const spent = useSpent(list);
  return (
    <States query={query} height={300} empty={(d) => d.budgets.length === 0} emptyState={<Panel title={t('budgetsTitle')} curl={curl('/budgets')}><Empty title={t('noBudgets')} hint={t('noBudgetsHint')} action={<Code block fz={12}>{example}</Code>} /></Panel>}>
      {() => <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="sm">{list.map((b) => <Budget key={b.name} b={b} series={spent.get(b.name) ?? []} />)}</SimpleGrid>}
    </States>
  );
}
