import { Text } from '@mantine/core';
import type { SLOStatus } from '~/api/types';
import { duration, percent, short } from '~/format/number';
import { compact } from '~/format/time';
import { useSettings } from '~/state/settings';
import { parseDuration } from '~/state/time';
import { LevelBadge, type Level } from '~/ui/values';
import { m } from './messages';
import { hottest } from './slo';
import classes from './slos.module.css';

const levels: Record<SLOStatus['state'], Level> = { ok: 'ok', burning: 'warning', exhausted: 'critical', no_data: 'muted', error: 'warning' };

export function StateBadge({ s }: { s: SLOStatus }) {
  const t = m.useT();
  return <LevelBadge level={levels[s.state]}>{t(s.state)}</LevelBadge>;
}

/** A window as people say it: 1008m is 16 h 48 min. */
export function windowText(window: string): string {
  const s = parseDuration(window);
  return s === undefined ? window : duration(s);
}

/** The name of an indicator. */
export function useIndicator(): (name: string) => string {
  const t = m.useT();
  return (name) => {
    switch (name) {
      case 'availability': case 'latency': case 'ttft': case 'tpot': case 'error_free_streams': case 'cost_per_request': case 'quality': case 'error_ratio': return t(name);
      case 'events': return t('eventsIndicator');
      default: return name;
    }
  };
}

export function Window({ window }: { window: string }) {
  const t = m.useT();
  return <>{window === 'month' ? t('month') : windowText(window)}</>;
}

/** How it stands, in a sentence. */
export function InWords({ s }: { s: SLOStatus }) {
  const t = m.useT();
  const { zone } = useSettings();
  const left = percent(s.budget_remaining);
  const hot = hottest(s);
  const forecast = s.exhausted_at === undefined ? '' : ' ' + t('spentAt', { time: compact(Date.parse(s.exhausted_at), zone) });
  switch (s.state) {
    case 'error': return <Text size="xs" c="red" style={{ overflowWrap: 'anywhere' }}>{s.error}</Text>;
    case 'no_data': return <Text size="xs" c="dimmed">{s.events === undefined && (s.burn_rates ?? []).some((b) => b.rate !== undefined) ? t('noDataYet') : t('noDataText')}</Text>;
    case 'exhausted': return <Text size="xs">{s.budget_remaining === undefined || s.budget_remaining >= -0.005 ? t('exhaustedExactly') : t('exhaustedText', { times: short(1 - s.budget_remaining) })}</Text>;
    case 'burning': return <Text size="xs">{t('burningText', { rate: t('times', { n: short(hot?.rate) }), window: windowText(hot?.window ?? ''), left })}{forecast}</Text>;
    case 'ok': return <Text size="xs">{t('okText', { left })}{forecast}</Text>;
  }
}

export function BudgetBar({ s }: { s: SLOStatus }) {
  const t = m.useT();
  const left = s.budget_remaining;
  if (left === undefined) return <Text size="xs" c="dimmed">–</Text>;
  const over = left < 0;
  return (
    <div role="img" aria-label={t('budgetBar', { name: s.name, left: percent(left) })}>
      <Text size="xs" fw={600} className="num">{percent(left)} <Text span size="xs" c="dimmed" fw={400}>{over ? t('overspent') : t('left')}</Text></Text>
      <div className={classes.bar}><div className={classes.fill} data-over={over ? '' : undefined} data-low={!over && left < 0.25 ? '' : undefined} style={{ width: `${over ? 100 : Math.max(left > 0 ? 1 : 0, Math.min(100, left * 100))}%` }} /></div>
    </div>
  );
}

/** The burn rate that is nearest to an alert. */
export function Burn({ s }: { s: SLOStatus }) {
  const t = m.useT();
  const hot = hottest(s);
  const any = hot ?? (s.burn_rates?.[0]?.rate === undefined ? undefined : { ...s.burn_rates[0], rate: s.burn_rates[0].rate, factor: Infinity, met: false });
  if (any === undefined) return <Text size="xs" c="dimmed">–</Text>;
  return (
    <Text size="sm" className="num" fw={any.met ? 700 : 400}>
      {t('times', { n: short(any.rate) })} <Text span size="xs" c="dimmed">{windowText(any.window)}{Number.isFinite(any.factor) ? ` (${any.met ? '≥' : '<'} ${t('times', { n: short(any.factor) })})` : ''}</Text>
    </Text>
  );
}
