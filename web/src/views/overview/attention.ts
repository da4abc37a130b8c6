// What needs somebody: firing alerts, objectives that burn, budgets at risk.

import type { BudgetStatus, SLOStatus } from '~/api/types';

export interface Alert {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt: string;
  status: { state: string };
}

export type Risk = 'critical' | 'warning';

export interface AlertGroup {
  name: string;
  level: Risk;
  alerts: Alert[];
}

const worst = (levels: readonly Risk[]): Risk => (levels.includes('critical') ? 'critical' : 'warning');

const levelOf = (a: Alert): Risk | undefined => (a.labels.severity === 'critical' ? 'critical' : a.labels.severity === 'info' || a.labels.severity === 'none' ? undefined : 'warning');

/** Alerts by name, the worst and most frequent first. Those of objectives and budgets are told as such. */
export function groupAlerts(alerts: readonly Alert[]): AlertGroup[] {
  const groups = new Map<string, AlertGroup>();
  for (const a of alerts) {
    const level = levelOf(a);
    if (a.status.state !== 'active' || level === undefined || a.labels.slo !== undefined || a.labels.budget !== undefined) continue;
    const name = a.labels.alertname ?? '';
    const g = groups.get(name);
    if (g === undefined) groups.set(name, { name, level, alerts: [a] });
    else {
      g.alerts.push(a);
      g.level = worst([g.level, level]);
    }
  }
  return [...groups.values()].sort((a, b) => (a.level === b.level ? b.alerts.length - a.alerts.length : a.level === 'critical' ? -1 : 1));
}

export interface SLORisk {
  name: string;
  /** Where an objective is kept for label sets. */
  labels: Record<string, string>;
  level: Risk;
  /** How many times faster than allowed, over the shortest window of an alert that is met. */
  burn?: number;
  remaining?: number;
  exhausted: boolean;
  status: SLOStatus;
}

/** Objectives that burn too fast or have nothing left, the worst first. */
export function slosAtRisk(slos: readonly SLOStatus[]): SLORisk[] {
  return slos
    .flatMap((s): SLORisk[] => {
      const met = (s.alerts ?? []).filter((a) => a.met);
      const exhausted = s.state === 'exhausted';
      if (met.length === 0 && !exhausted && s.state !== 'burning') return [];
      const window = met.find((a) => a.level === 'page')?.long ?? met[0]?.long ?? '1h';
      return [{ name: s.name, labels: s.labels ?? {}, level: exhausted || met.some((a) => a.level === 'page') ? 'critical' : 'warning', burn: s.burn_rates?.find((b) => b.window === window)?.rate, remaining: s.budget_remaining, exhausted, status: s }];
    })
    .sort((a, b) => (a.level === b.level ? (b.burn ?? 0) - (a.burn ?? 0) : a.level === 'critical' ? -1 : 1));
}

export interface BudgetRisk {
  name: string;
  level: Risk;
  /** The fullest account's. */
  ratio?: number;
  account?: string;
  exceeded: number;
  accounts: number;
  /** At this rate it will be over its limit by the end. */
  forecastOver: boolean;
}

/** Budgets that are spent, nearly so, or will be by the end of their period. */
export function budgetsAtRisk(budgets: readonly BudgetStatus[]): BudgetRisk[] {
  return budgets
    .flatMap((b): BudgetRisk[] => {
      const top = b.top?.[0];
      const forecastOver = top?.forecast !== undefined && top.forecast > b.limit;
      if (b.exceeded === 0 && (top?.ratio ?? 0) < 0.8 && !forecastOver) return [];
      return [{ name: b.name, level: b.exceeded > 0 ? 'critical' : 'warning', ratio: top?.ratio, account: top?.account, exceeded: b.exceeded, accounts: b.accounts, forecastOver }];
    })
    .sort((a, b) => (a.level === b.level ? (b.ratio ?? 0) - (a.ratio ?? 0) : a.level === 'critical' ? -1 : 1));
}
