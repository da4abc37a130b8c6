import { expect, test } from 'vitest';
import type { BudgetStatus, SLOStatus } from '~/api/types';
import { budgetsAtRisk, groupAlerts, slosAtRisk, type Alert } from './attention';

const alert = (alertname: string, severity: string, more: Record<string, string> = {}, state = 'active'): Alert => ({ labels: { alertname, severity, ...more }, annotations: {}, startsAt: '', status: { state } });

test('alerts by name; silenced ones and those of objectives and budgets are not among them', () => {
  const g = groupAlerts([
    alert('Slow', 'warning'), alert('Slow', 'warning'), alert('Slow', 'critical'), alert('Queue', 'warning'), alert('Queue', 'warning'), alert('Other', 'warning'),
    alert('Down', 'critical', {}, 'suppressed'), alert('Burn', 'critical', { slo: 'x' }), alert('Budget', 'critical', { budget: 'x' }), alert('Watchdog', 'none'),
  ]);
  expect(g.map((x) => [x.name, x.level, x.alerts.length])).toEqual([['Slow', 'critical', 3], ['Queue', 'warning', 2], ['Other', 'warning', 1]]);
});

const slo = (name: string, o: Partial<SLOStatus>): SLOStatus => ({ name, indicator: 'availability', objective: 0.99, window: '30d', state: 'ok', ...o });

test('objectives that burn', () => {
  const risks = slosAtRisk([
    slo('fine', { burn_rates: [{ window: '1h', rate: 0.5 }], alerts: [{ level: 'page', long: '1h', short: '5m', factor: 14, threshold: 0.01, consumed: 0.02, met: false }] }),
    slo('ticket', { state: 'burning', burn_rates: [{ window: '1d', rate: 4 }], alerts: [{ level: 'ticket', long: '1d', short: '2h', factor: 3, threshold: 0.01, consumed: 0.02, met: true }] }),
    slo('page', { state: 'no_data', burn_rates: [{ window: '1h', rate: 38 }], alerts: [{ level: 'page', long: '1h', short: '5m', factor: 14, threshold: 0.01, consumed: 0.02, met: true }] }),
    slo('gone', { state: 'exhausted', budget_remaining: -2 }),
  ]);
  expect(risks.map((r) => [r.name, r.level, r.burn])).toEqual([['page', 'critical', 38], ['gone', 'critical', undefined], ['ticket', 'warning', 4]]);
});

const budget = (name: string, o: Partial<BudgetStatus>): BudgetStatus => ({ name, unit: 'usd', period: 'month', start: '', end: '', limit: 100, enforce: 'off', accounts: 1, exceeded: 0, spent: 0, calls: 0, ...o });

test('budgets at risk', () => {
  const top = (ratio: number, forecast: number) => [{ spent: ratio * 100, remaining: 0, ratio, forecast, calls: 1 }];
  const risks = budgetsAtRisk([budget('calm', { top: top(0.2, 40) }), budget('near', { top: top(0.85, 90) }), budget('will', { top: top(0.5, 140) }), budget('over', { exceeded: 2, accounts: 9, top: top(3, 300) }), budget('new', {})]);
  expect(risks.map((r) => [r.name, r.level, r.forecastOver])).toEqual([['over', 'critical', true], ['near', 'warning', false], ['will', 'warning', true]]);
});
