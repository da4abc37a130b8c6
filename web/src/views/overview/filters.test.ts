import { expect, test } from 'vitest';
import { apiFilter, callsLink, choiceOf, needsEvents, selection, selector } from './filters';

const none = { service: [], model: [], provider: [], environment: [] };

test('the choice is in the URL', () => {
  expect(choiceOf(new URLSearchParams('model=a&model=b&service=&model=a&status=error'))).toEqual({ ...none, model: ['a', 'b'] });
});

test('one value is a parameter, more are a filter', () => {
  expect(apiFilter({ ...none, service: ['a'] })).toEqual({ service: 'a' });
  expect(apiFilter({ ...none, service: ['a', 'b'], provider: ['x'] })).toEqual({ provider: 'x', query: 'service:in("a","b")' });
  expect(apiFilter({ ...none, model: ['m"1', 'n'] })).toEqual({ query: '(request_model:in("m\\"1","n") or response_model:in("m\\"1","n"))' });
});

test('matchers of PromQL', () => {
  expect(selector(none)).toBe('');
  expect(selector({ ...none, service: ['a'] }, 'status="error"')).toBe('{status="error", service="a"}');
  expect(selector({ ...none, model: ['gpt-4.1', 'x"y'] })).toBe('{model=~"gpt-4\\\\.1|x\\"y"}');
  expect(needsEvents(none)).toBe(false);
  expect(needsEvents({ ...none, environment: ['prod'] })).toBe(true);
});

test('links to calls', () => {
  expect(callsLink({ ...none, service: ['a b'], model: ['m', 'n'] }, { status: 'error' })).toBe('/calls?service=a+b&model=m&model=n&status=error');
});

test('conditions of explain', () => {
  expect(selection(none)).toBe('');
  expect(selection({ ...none, model: ['gpt-4o', 'x y'], service: ['a'] })).toBe('service=a model=gpt-4o,"x y"');
});
