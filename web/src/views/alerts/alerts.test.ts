import { expect, test } from 'vitest';
import { annotation, appPath, combine, explanationLinks, groupAlerts, otherAnnotations, sentences, webLink, type ManagerAlert, type RuleGroup } from './alerts';
import { explainParams, longestRange, metricOf, metricOfName, selection } from './explain';
import { histories, intervals } from './history';
import { format, holds, matchesAll, mutes, parse, problem } from './silence';

const rules: RuleGroup[] = [{
  name: 'g', file: 'f', interval: 15,
  rules: [{
    name: 'A', query: 'x[5m] > 1', type: 'alerting', health: 'ok', evaluationTime: 0, lastEvaluation: '', duration: 60,
    alerts: [
      { labels: { alertname: 'A', severity: 'warning', model: 'm1' }, annotations: { summary: 's' }, state: 'firing', activeAt: '2026-01-01T00:00:00Z', value: '2.5e+00' },
      { labels: { alertname: 'A', severity: 'warning', model: 'm2' }, annotations: {}, state: 'pending', activeAt: '2026-01-01T00:01:00Z', value: 'NaN' },
    ],
  }],
}];
const known = (labels: Record<string, string>, more: Partial<ManagerAlert['status']> = {}): ManagerAlert => ({
  fingerprint: 'f', labels, annotations: { explanation: 'why' }, startsAt: '2026-01-01T00:02:00Z', endsAt: '', receivers: [{ name: 'oncall' }], status: { state: 'active', silencedBy: [], inhibitedBy: [], ...more },
});

test('rules and Alertmanager together: values, explanations, silences, external labels', () => {
  const list = combine(rules, [known({ alertname: 'A', severity: 'warning', model: 'm1', cluster: 'eu' }, { silencedBy: ['s1'] }), known({ alertname: 'Budget', severity: 'critical' })]);
  expect(list.map((a) => [a.name, a.state, a.value, a.silencedBy.length, a.annotations.explanation, a.receivers.length])).toEqual([
    ['A', 'firing', 2.5, 1, 'why', 1], ['A', 'pending', undefined, 0, undefined, 0], ['Budget', 'firing', undefined, 0, 'why', 1],
  ]);
  const groups = groupAlerts(list);
  expect(groups.map((g) => [g.name, g.firing, g.pending, g.quiet])).toEqual([['Budget', 1, 0, 0], ['A', 0, 1, 1]]);
});

test('annotations in the language of the page', () => {
  const a = { summary: 'en', summary_zh: '中', description: 'only' };
  expect(annotation(a, 'summary', 'zh')).toBe('中');
  expect(annotation(a, 'summary', 'en')).toBe('en');
  expect(annotation(a, 'description', 'zh')).toBe('only');
  expect(otherAnnotations({ summary: '', runbook_url: '', owner: 'x' })).toEqual([['owner', 'x']]);
});

test('links of the server lead within the page, and nothing else does', () => {
  expect(appPath('http://10.0.0.1:4400/calls?service=a&start=2026-01-01T00:00:00Z')).toBe('/calls?service=a&start=2026-01-01T00:00:00Z');
  expect(appPath('http://h/api/pitot/v1/calls?order=costliest')).toBe('/calls?order=costliest');
  expect(appPath('http://h/jaeger/api/traces/0aF1')).toBe('/traces/0aF1');
  expect(appPath('javascript:alert(1)')).toBeUndefined();
  expect(appPath('https://evil.example/x')).toBeUndefined();
  expect(webLink('javascript:alert(1)')).toBeUndefined();
  expect(explanationLinks('calls: http://h/calls?a=b\ntrace: http://h/jaeger/api/traces/12\nbad')).toEqual([{ name: 'calls', path: '/calls?a=b' }, { name: 'trace', path: '/traces/12' }]);
});

test('an explanation by its causes', () => {
  expect(sentences('Cost: a, since 1. Also: b.')).toEqual(['Cost: a, since 1.', 'b.']);
  expect(sentences('费用：甲。另外：乙。')).toEqual(['费用：甲。', '乙。']);
});

test('the question about an alert is the server’s', () => {
  expect(metricOf('llm:request_errors:ratio_rate5m > 0.05')).toBe('error_rate');
  expect(metricOf('histogram_quantile(0.99, rate(llm_request_duration_seconds[5m])) > 2')).toBe('latency_p99');
  expect(metricOf('up == 0')).toBeUndefined();
  expect(metricOfName('FirstTokenAnomaly')).toBe('ttft_p95');
  expect(metricOfName('ErrorRateAnomaly')).toBe('error_rate');
  expect(metricOfName('TargetDown')).toBeUndefined();
  expect(longestRange('a[5m] + b[1h30m:1m]')).toBe(3600);
  expect(longestRange('rate(a[90s])')).toBe(90);
  expect(selection({ service: 'a b', model: 'gpt-4o', method: 'chat', user: '__other__', job: 'x' })).toBe('service="a b" model=gpt-4o operation=chat');
  const [a] = combine(rules, []);
  const now = Date.parse('2026-01-01T00:30:00Z');
  expect(a && explainParams({ ...a, expr: 'rate(llm_errors_total[5m]) > 1' }, now)).toEqual({ metric: 'error_rate', select: 'model=m1', start: '2025-12-31T23:50:00.000Z', end: '2026-01-01T00:30:00.000Z' });
  expect(a && explainParams({ ...a, expr: 'up == 0' }, now)).toBeUndefined();
});

test('matchers', () => {
  for (const text of ['a="b"', 'a!="x \\"y\\""', 'a=~"b|c"', 'a!~".*"']) expect(format(parse(text) ?? { name: '', value: '', isRegex: false, isEqual: true })).toBe(text);
  expect(parse('a=b')).toMatchObject({ name: 'a', value: 'b' });
  expect(parse('=b')).toBeUndefined();
  const re = { name: 'a', value: 'b|c', isRegex: true, isEqual: true };
  expect(holds(re, { a: 'c' })).toBe(true);
  expect(holds(re, { a: 'cc' })).toBe(false); // anchored
  expect(holds({ ...re, isEqual: false }, {})).toBe(true);
  expect(mutes([], { a: 'c' })).toBe(false);
  expect(matchesAll([{ name: 'a', value: '.*', isRegex: true, isEqual: true }])).toBe(true);
  expect(matchesAll([re])).toBe(false);
  expect(problem({ ...re, value: '(' })).toBe('regex');
});

test('history: gaps end an interval', () => {
  const s: [number, string][] = [[100, '1'], [110, '1'], [140, '1'], [150, '1']];
  expect(intervals(s, 'firing', 100, 160, 10)).toEqual([
    { from: 100, to: 120, state: 'firing', openStart: true, openEnd: false },
    { from: 140, to: 160, state: 'firing', openStart: false, openEnd: true },
  ]);
  const h = histories([{ metric: { __name__: 'ALERTS', alertname: 'A', alertstate: 'firing' }, values: s }, { metric: { __name__: 'ALERTS', alertname: 'A', alertstate: 'pending' }, values: [[90, '1']] }], 80, 160, 10);
  expect(h).toHaveLength(1);
  expect(h[0]).toMatchObject({ labels: { alertname: 'A' }, firing: 40, times: 2 });
  expect(h[0]?.intervals.map((i) => i.state)).toEqual(['pending', 'firing', 'firing']);
});
