import { expect, test } from 'vitest';
import { explainLink, fill, fillTitle, pageFor, simplify } from './links';

const choice = 'service%3A~%60%5E%28%3F%3A${service:regex}%29%24%60%20%28request_model%3A~%60%5E%28%3F%3A${model:regex}%29%24%60%20or%20response_model%3A~%60%5E%28%3F%3A${model:regex}%29%24%60%29';
const range = { from: 1000, to: 2000 };

test('placeholders', () => {
  expect(fill('/x?a=${__from}&b=${__to}', { ...range, chosen: {} })).toBe('/x?a=1000&b=2000');
  expect(fill('/x?m=${__field.labels.model}', { ...range, chosen: {}, labels: { model: 'a b&c' } })).toBe('/x?m=a%20b%26c');
  expect(fill('/t/${__value.raw}', { ...range, chosen: {}, value: 'ab' })).toBe('/t/ab');
  expect(decodeURIComponent(fill('${model:regex}', { ...range, chosen: { model: ['gpt-4.1', 'b'] } }))).toBe('gpt-4\\.1|b');
  expect(fillTitle('Calls: ${__field.labels.model}', { model: 'm' })).toBe('Calls: m');
});

test('what holds for everything is no filter', () => {
  expect(simplify('service:~`^(?:.*)$` provider:~`^(?:x)$` (request_model:~`^(?:.*)$` or response_model:~`^(?:.*)$`)')).toBe('provider:~`^(?:x)$`');
  expect(simplify('service:~`^(?:.*)$`')).toBe('');
});

test('pages of the API', () => {
  const calls = (chosen: Record<string, string[]>) => pageFor(fill('/api/pitot/v1/calls?start=${__from}&end=${__to}&query=' + choice + '&order=slowest', { ...range, chosen }), range);
  expect(calls({ service: [], model: [] })).toBe('/calls?order=slowest');
  const some = new URLSearchParams(calls({ service: ['a'], model: [] }).split('?')[1]);
  expect(some.get('query')).toBe('service:~`^(?:a)$`');
  expect(pageFor('/api/pitot/v1/traces/abc', range)).toBe('/traces/abc');
  expect(pageFor('/api/pitot/v1/calls?start=5&end=9', range)).toBe('/calls?start=5&end=9');
  expect(explainLink('/api/pitot/v1/explain?metric=requests&start=${__from}', { model: ['a', 'b'], slo: ['x'] })).toBe('/?explain=requests&model=a&model=b');
  expect(explainLink('/api/pitot/v1/calls?metric=requests', {})).toBeUndefined();
});
