import { expect, test } from 'vitest';
import type { SLOStatus } from '~/api/types';
import { badCalls, firstSample, gridOf, hottest, overSteps, recordedPart, selector, variant, windowOf, windowSeconds, worstFirst } from './slo';

const slo = (s: Partial<SLOStatus>): SLOStatus => ({ name: 'a', indicator: 'availability', objective: 0.99, window: '30d', state: 'ok', ...s });

test('the worst first', () => {
  const list = [slo({ name: 'fine', budget_remaining: 0.9 }), slo({ name: 'none', state: 'no_data' }), slo({ name: 'over', state: 'exhausted', budget_remaining: -8 }), slo({ name: 'burns', state: 'burning', budget_remaining: 0.5 }), slo({ name: 'low', budget_remaining: 0.1 }), slo({ name: 'little over', state: 'exhausted', budget_remaining: -0.1 })];
  expect(worstFirst(list).map((s) => s.name)).toEqual(['over', 'little over', 'burns', 'low', 'fine', 'none']);
});

test('series and label sets', () => {
  const s = slo({ labels: { slo: 'a', service: 'x "y"', model: 'm' } });
  expect(selector(s)).toBe('{slo="a",service="x \\"y\\"",model="m"}');
  expect(selector(s, '__name__=~"b.*"')).toBe('{__name__=~"b.*",slo="a",service="x \\"y\\"",model="m"}');
  expect(variant(s)).toBe('model=m,service=x "y"');
  expect(windowOf({ metric: { __name__: 'slo:sli_error:ratio_rate84m' } })).toBe('84m');
  expect(firstSample([{ metric: {}, values: [[20, '1']] }, { metric: {}, values: [[10, '1']] }, { metric: {} }])).toBe(10);
});

test('windows', () => {
  expect(windowSeconds('7d', 0)).toBe(604800);
  expect(windowSeconds('month', Date.UTC(2026, 0, 3))).toBe(172800);
});

test('the alert that is nearest', () => {
  const s = slo({ burn_rates: [{ window: '1h', rate: 7 }, { window: '6h', rate: 5 }], alerts: [{ level: 'page', long: '1h', short: '5m', factor: 14.4, threshold: 0.01, consumed: 0.02, met: false }, { level: 'page', long: '6h', short: '30m', factor: 6, threshold: 0.01, consumed: 0.02, met: false }, { level: 'ticket', long: '3d', short: '6h', factor: 1, threshold: 0.01, consumed: 0.02, met: false }] });
  expect(hottest(s)).toMatchObject({ window: '6h', rate: 5, factor: 6 });
  expect(hottest(slo({}))).toBeUndefined();
});

test('the calls behind an objective', () => {
  expect(badCalls(slo({ labels: { slo: 'a', service: 'x' } }))).toBe('/calls?service=x&status=error');
  expect(badCalls(slo({ indicator: 'ttft', labels: { method: 'chat' } }))).toBe('/calls?operation=chat&order=slowest');
  expect(badCalls(slo({ indicator: 'quality' }))).toBe('/quality');
  expect(badCalls(slo({ indicator: 'events' }))).toBeUndefined();
});

test('a record that begins late in the window is asked for by itself, with a step that shows it', () => {
  const week = { from: 0, to: 604_800, step: 3600 };
  expect(recordedPart(week, undefined)).toBeUndefined();
  expect(recordedPart(week, 7200)).toBeUndefined();
  const part = recordedPart(week, 601_200);
  expect(part).toMatchObject({ from: 597_600, to: 604_800 });
  expect(7200 / (part?.step ?? 0)).toBeGreaterThan(100);
  expect(recordedPart({ from: 0, to: 600, step: 15 }, 590)?.step).toBeLessThanOrEqual(15);
});

test('points of short steps stand still; those of long ones end with the span', () => {
  expect(gridOf({ from: 1007, to: 1993, step: 10 })).toEqual({ start: 1010, end: 1990 });
  expect(gridOf({ from: 0, to: 86_700, step: 3600 })).toEqual({ start: 300, end: 86_700 });
  expect(gridOf({ from: 995, to: 999, step: 10 })).toEqual({ start: 990, end: 990 });
  expect(overSteps('x{a="b"}', 300)).toBe('x{a="b"}');
  expect(overSteps('x{a="b"}', 3600)).toBe('last_over_time(x{a="b"}[3600s])');
});
