import { expect, test } from 'vitest';
import { bandsOf, concernOf } from './bands';

const none = { service: [], model: [], provider: [], environment: [] };
const series = (alertname: string, times: number[], more: Record<string, string> = {}) => ({ metric: { alertname, severity: 'warning', ...more }, values: times.map((t): [number, string] => [t, '1']) });

test('what alerts are about', () => {
  expect(concernOf({ alertname: 'SlowFirstToken', pack: 'first_token' })).toBe('ttft');
  expect(concernOf({ alertname: 'HighInferenceLatency', pack: 'latency' })).toBe('latency');
  expect(concernOf({ alertname: 'HighErrorRate', pack: 'errors' })).toBe('errors');
  expect(concernOf({ alertname: 'SLOErrorBudgetBurn', slo: 'availability' })).toBe('errors');
  expect(concernOf({ alertname: 'SLOErrorBudgetBurn', slo: 'latency' })).toBe('latency');
  expect(concernOf({ alertname: 'BudgetThreshold', budget: 'x' })).toBe('cost');
  expect(concernOf({ alertname: 'ModelServerQueue', pack: 'model_servers' })).toBeUndefined();
});

test('bands of overlapping alerts are one, gaps part them', () => {
  const bands = bandsOf([series('HighLatency', [0, 30, 60, 300, 330]), series('SlowCalls', [60, 90], { severity: 'critical' }), series('HighLatency', [30], { model: 'b' })], 30, none).get('latency');
  expect(bands).toEqual([{ from: 0, to: 90, label: 'HighLatency, SlowCalls', level: 'critical' }, { from: 300, to: 330, label: 'HighLatency', level: 'warning' }]);
});

test('alerts about other calls than the chosen are left out', () => {
  const s = [series('HighLatency', [0], { model: 'a' })];
  expect(bandsOf(s, 30, { ...none, model: ['b'] }).size).toBe(0);
  expect(bandsOf(s, 30, { ...none, model: ['a'] }).size).toBe(1);
});
