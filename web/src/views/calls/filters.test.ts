import { expect, test } from 'vitest';
import { changed } from '~/state/url';
import { allOf, apiParams, choose, filterLogsQL, formatCondition, fullLogsQL, noFilters, parseCondition, readFilters, shownValue, urlChanges, type Filters } from './filters';

const round = (f: Filters) => readFilters(new URLSearchParams(changed('view=scatter', urlChanges(f, new URLSearchParams('model=old&tags.team=x')))));

test('conditions are written and read back, whatever the value', () => {
  for (const values of [['a'], ['a', 'b'], ['a b', 'c,d'], ['say "hi"'], ['x=y'], ['\\'], ['["stop"]'], ['中文', 'é']]) {
    for (const not of [false, true]) {
      const c = { field: 'tags.team', not, values };
      expect(parseCondition(formatCondition(c))).toEqual(c);
    }
  }
  for (const bad of ['', 'a', 'a=', '=b', 'a="x', 'a="x"y']) expect(parseCondition(bad)).toBeUndefined();
});

test('a filter survives the URL', () => {
  const f: Filters = { search: 'refund order', query: 'usage.output_tokens:>10 or x:y', min: '2s', max: '', conditions: [{ field: 'service', not: false, values: ['a'] }, { field: 'user', not: true, values: ['u1', 'u 2'] }, { field: 'model', not: false, values: ['m,1', 'm2'] }] };
  expect(round(f)).toEqual(f);
  expect(round(noFilters)).toEqual(noFilters);
});

test('what the API has a parameter for goes there, the rest as LogsQL', () => {
  const f = readFilters(new URLSearchParams('service=a&where=user!=u1&where=model=x,y&where=prompt_version=7&query=a:b or c:d&search=hi'));
  expect(apiParams(f)).toEqual({
    service: 'a', search: 'hi', min_duration: '', max_duration: '',
    query: '(a:b or c:d) !user:="u1" (model:in("x","y") or response_model:in("x","y")) prompt_version:="7"',
  });
});

test('a condition and its parameter of the same field are one', () => {
  expect(readFilters(new URLSearchParams('model=a&where=model=b,a')).conditions).toEqual([{ field: 'model', not: false, values: ['a', 'b'] }]);
});

test('quotes in values cannot leave the filter', () => {
  const f: Filters = { ...noFilters, search: 'a"b', conditions: [{ field: 'user', not: false, values: ['x" or status:="ok'] }, { field: 'tags.a b', not: true, values: ['y'] }] };
  expect(filterLogsQL(f)).toBe('user:="x\\" or status:=\\"ok" !"tags.a b":="y" (_msg:i("a\\"b") or input:i("a\\"b") or output:i("a\\"b") or error_message:i("a\\"b"))');
});

test('durations and the range are part of the whole query', () => {
  expect(fullLogsQL({ ...noFilters, min: '250ms', max: '1.5', query: 'x:1' }, { start: 'A', end: 'B' })).toBe('{kind="call"} _time:[A, B) duration_seconds:>=0.25 duration_seconds:<=1.5 x:1');
  expect(allOf('', '')).toBe('');
  expect(allOf('a or b')).toBe('a or b');
});

test('facets: include adds, only replaces, exclude moves, again takes back', () => {
  let f = choose(noFilters, 'model', 'a', 'include');
  f = choose(f, 'model', 'b', 'include');
  expect(f.conditions).toEqual([{ field: 'model', not: false, values: ['a', 'b'] }]);
  f = choose(f, 'model', 'b', 'exclude');
  expect(f.conditions).toEqual([{ field: 'model', not: false, values: ['a'] }, { field: 'model', not: true, values: ['b'] }]);
  expect(choose(f, 'model', 'c', 'only').conditions).toEqual([{ field: 'model', not: false, values: ['c'] }]);
  f = choose(choose(f, 'model', 'b', 'exclude'), 'model', 'a', 'include');
  expect(f.conditions).toEqual([]);
});

test('lists are shown without their brackets', () => {
  expect(shownValue('finish_reasons', '["stop","length"]')).toBe('stop, length');
  expect(shownValue('user', '["a"]')).toBe('["a"]');
});
