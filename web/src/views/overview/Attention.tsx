// What needs somebody, in one line; calm when nothing does.

import { Paper, Text, Tooltip } from '@mantine/core';
import { IconAlertTriangle, IconBell, IconCircleCheck, IconCoin, IconFlame, IconTarget } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { Link as RouterLink, useSearch } from 'wouter';
import { percent, short } from '~/format/number';
import { ago } from '~/format/time';
import { useLanguage } from '~/i18n';
import { common } from '~/i18n/common';
import { useSettings } from '~/state/settings';
import { withRange } from '~/state/url';
import { notAllowed } from '~/ui/states';
import { budgetsAtRisk, groupAlerts, slosAtRisk, type AlertGroup, type BudgetRisk, type Risk, type SLORisk } from './attention';
import { useAlerts, useBudgets, useSLOs } from './data';
import { messages } from './messages';
import classes from './overview.module.css';

interface Chip {
  key: string;
  level: Risk;
  name: string;
  detail: string;
  tip: string;
  to: string;
}

export function Attention() {
  const t = messages.useT();
  const c = common.useT();
  const { tick } = useSettings();
  const alerts = useAlerts(tick);
  const slos = useSLOs(tick);
  const budgets = useBudgets(tick);
  const chips = useChips();
  const parts = [alerts, slos, budgets];
  // What wakes the operators is not for users of other tenants to see.
  if (parts.every((q) => q.data === undefined && notAllowed(q.error))) return null;
  const firing = groupAlerts(alerts.data ?? []);
  const burning = slosAtRisk(slos.data?.slos ?? []);
  const spent = budgetsAtRisk(budgets.data?.budgets ?? []);
  const waiting = alerts.isPending || slos.isPending || budgets.isPending;
  const failed = parts.some((q) => q.data === undefined && q.error !== null);
  const levels = [...firing, ...burning, ...spent].map((x) => x.level);
  const level = levels.includes('critical') ? 'critical' : levels.length > 0 || failed ? 'warning' : waiting ? undefined : 'ok';
  const fine = [
    (slos.data?.slos?.length ?? 0) > 0 && burning.length === 0 && t('slosFine', { count: slos.data?.slos?.length ?? 0 }),
    (budgets.data?.budgets?.length ?? 0) > 0 && spent.length === 0 && t('budgetsFine', { count: budgets.data?.budgets?.length ?? 0 }),
  ].filter((x): x is string => typeof x === 'string');
  return (
    <Paper withBorder radius="md" className={classes.strip} data-level={level} component="section" aria-label={t('attention')} aria-busy={waiting}>
      {level === 'ok' && <Text size="sm" fw={600} component="span" className={classes.kind}><IconCircleCheck size={16} color="var(--mantine-color-green-7)" aria-hidden="true" />{t('calm')}</Text>}
      <Kind icon={<IconBell size={15} />} name={c('alerts')} to="/alerts" error={alerts.data === undefined && alerts.error !== null} chips={firing.map(chips.alert)} />
      <Kind icon={<IconTarget size={15} />} name={c('slos')} to="/slos" error={slos.data === undefined && slos.error !== null} chips={burning.map(chips.slo)} />
      <Kind icon={<IconCoin size={15} />} name={c('budgets')} to="/cost/budgets" error={budgets.data === undefined && budgets.error !== null} chips={spent.map(chips.budget)} />
      {!waiting && <Text size="xs" c="dimmed" component="span">{[firing.length === 0 && alerts.data !== undefined && t('calmDetail'), ...fine].filter(Boolean).join(' · ')}</Text>}
      {waiting && <Text size="xs" c="dimmed" component="span">{c('loading')}</Text>}
    </Paper>
  );
}

function Kind({ icon, name, to, chips, error }: { icon: ReactNode; name: string; to: string; chips: Chip[]; error: boolean }) {
  const t = messages.useT();
  const search = useSearch();
  if (error) return <span className={classes.kind}>{icon}<Text size="xs" component="span" c="dimmed">{name}: {t('notLoaded')}</Text></span>;
  if (chips.length === 0) return null;
  const shown = chips.slice(0, 4);
  return (
    <span className={classes.kind} role="group" aria-label={name}>
      <Text size="xs" component="span" fw={600} className={classes.kind}>{icon}{name}</Text>
      {shown.map((x) => (
        <Tooltip key={x.key} label={x.tip} multiline maw={380} openDelay={300}>
          <RouterLink href={withRange(x.to, search)} className={classes.chip} data-level={x.level}>
            {x.level === 'critical' ? <IconFlame size={12} role="img" aria-label={t('critical')} /> : <IconAlertTriangle size={12} role="img" aria-label={t('warning')} />}
            <b>{x.name}</b> {x.detail}
          </RouterLink>
        </Tooltip>
      ))}
      {chips.length > shown.length && <RouterLink href={withRange(to, search)} className={classes.chip}>{t('and more', { count: chips.length - shown.length })}</RouterLink>}
    </span>
  );
}

function useChips() {
  const t = messages.useT();
  const language = useLanguage();
  const { tick } = useSettings();
  return {
    alert: (g: AlertGroup): Chip => {
      const first = g.alerts.reduce((a, b) => (a.startsAt < b.startsAt ? a : b));
      const text = (a: (typeof g.alerts)[number]) => (language === 'zh' ? (a.annotations.summary_zh ?? a.annotations.summary) : a.annotations.summary) ?? '';
      const tip = [...g.alerts.slice(0, 4).map(text), g.alerts.length > 4 ? t('and more', { count: g.alerts.length - 4 }) : '', t('since', { time: ago(Date.parse(first.startsAt), tick) })].filter((x) => x !== '').join(' · ');
      return { key: g.name, level: g.level, name: g.name, detail: g.alerts.length > 1 ? `×${g.alerts.length}` : (first.labels.model ?? first.labels.service ?? first.labels.instance ?? ''), tip, to: `/alerts?search=${encodeURIComponent(g.name)}` };
    },
    slo: (r: SLORisk): Chip => {
      const parts = [
        r.burn === undefined ? '' : t('burn', { rate: short(r.burn) }),
        r.remaining === undefined ? (r.exhausted ? t('spentBudget') : '') : r.remaining < 0 ? t('overdrawn', { share: percent(-r.remaining) }) : t('left', { share: percent(r.remaining) }),
      ].filter((x) => x !== '');
      return { key: r.name + JSON.stringify(r.labels), level: r.level, name: r.name, detail: parts[0] ?? '', tip: [r.status.description ?? r.name, ...parts].join(' · '), to: `/slos/${encodeURIComponent(r.name)}` };
    },
    budget: (b: BudgetRisk): Chip => {
      const spent = b.ratio === undefined ? '' : t('over', { share: percent(b.ratio) });
      const detail = b.accounts > 1 && b.exceeded > 0 ? t('accountsOver', { over: b.exceeded, all: b.accounts }) : b.forecastOver && b.exceeded === 0 && (b.ratio ?? 0) < 0.8 ? t('willExceed') : spent;
      return { key: b.name, level: b.level, name: b.name, detail, tip: [b.name, b.account === undefined ? '' : `${b.account}: ${spent}`, detail].filter((x, i, all) => x !== '' && all.indexOf(x) === i).join(' · '), to: '/cost/budgets' };
    },
  };
}
