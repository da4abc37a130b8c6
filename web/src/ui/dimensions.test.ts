import { expect, test } from 'vitest';
import { dimensionName, filtersOf, groupName, joinQueries, pathWith, within } from './dimensions';

test('a group becomes filters: parameters where the API has them, LogsQL for the rest', () => {
  expect(within({ service: 'chat' }, { model: 'gpt-4o' })).toEqual({ service: 'chat', model: 'gpt-4o' });
  expect(within({}, { 'tags.team': 'care', prompt_version: '7' })).toEqual({ 'tags.team': 'care', query: 'prompt_version:="7"' });
  // An OR of the page's own filter must not reach over the group's.
  expect(within({ query: 'a:1 or b:2' }, { region: 'eu "x"' })).toEqual({ query: '(a:1 or b:2) (region:="eu \\"x\\"")' });
  // Calls without a value are asked for as that, not without a filter.
  expect(within({}, { user: '' })).toEqual({ query: 'user:""' });
});

test('only filters are taken from the address', () => {
  expect(filtersOf(new URLSearchParams('model=m&by=service&tags.team=a&start=-1h&user='))).toEqual({ model: 'm', 'tags.team': 'a' });
});

test('names, joins and links', () => {
  expect(joinQueries(undefined, ' ')).toBeUndefined();
  expect(joinQueries('a:1', undefined)).toBe('a:1');
  expect(pathWith('/calls', { model: 'a b', user: '' })).toBe('/calls?model=a+b');
  expect(groupName({ prompt_name: 'p', prompt_version: '7' }, ['prompt_name', 'prompt_version'])).toBe('p · 7');
  expect(groupName({ user: '' }, ['user'])).toBe('(none)');
  expect(dimensionName('prompt_name,prompt_version')).toBe('Prompt + Version');
  expect(dimensionName('cost.state')).toBe('Cost state');
  expect(dimensionName('tags.tier')).toBe('Tag tier');
});
