import { expect, test } from 'vitest';
import { fieldName, placeOf, stages } from './logsqlComplete';

test('a word of the filter', () => {
  expect(placeOf('')).toEqual({ kind: 'word', from: 0 });
  expect(placeOf('kind:log serv')).toEqual({ kind: 'word', from: 9 });
  expect(placeOf('(a or serv')).toEqual({ kind: 'word', from: 6 });
});

test('the value of a field', () => {
  expect(placeOf('service:')).toEqual({ kind: 'value', from: 8, field: 'service', prefix: '', operator: '' });
  expect(placeOf('kind:log tags.team:=pla')).toEqual({ kind: 'value', from: 20, field: 'tags.team', prefix: 'pla', operator: '=' });
  expect(placeOf('service:="che')).toEqual({ kind: 'value', from: 9, field: 'service', prefix: 'che', operator: '=' });
  expect(placeOf('!level:err')).toMatchObject({ kind: 'value', field: 'level', prefix: 'err' });
  expect(placeOf('level:in(error, wa')).toMatchObject({ kind: 'value', field: 'level', prefix: 'wa' });
  expect(placeOf('a "level:err')).toMatchObject({ kind: 'none' });
});

test('pipes, functions and fields after a pipe', () => {
  expect(placeOf('kind:log | ')).toEqual({ kind: 'pipe', from: 11 });
  expect(placeOf('kind:log | sta')).toEqual({ kind: 'pipe', from: 11 });
  expect(placeOf('* | stats cou')).toEqual({ kind: 'function', from: 10 });
  expect(placeOf('* | stats by (service) cou')).toEqual({ kind: 'function', from: 23 });
  expect(placeOf('* | stats count() n, su')).toEqual({ kind: 'function', from: 21 });
  expect(placeOf('* | stats by (ser')).toEqual({ kind: 'field', from: 14 });
  expect(placeOf('* | stats sum(dur')).toEqual({ kind: 'field', from: 14 });
  expect(placeOf('* | fields a, b')).toEqual({ kind: 'field', from: 14 });
  expect(placeOf('* | filter ser')).toEqual({ kind: 'word', from: 11 });
  expect(placeOf('* | filter n:>')).toMatchObject({ kind: 'value', field: 'n', operator: '>' });
});

test('pipes within quotes and brackets are none', () => {
  expect(stages('a "x | y" | stats count() if (b | c) n | limit 1')).toEqual(['a "x | y"', 'stats count() if (b | c) n', 'limit 1']);
});

test('names that need quotes have them', () => {
  expect(fieldName('tags.team')).toBe('tags.team');
  expect(fieldName('a b')).toBe('"a b"');
  expect(fieldName('x-y')).toBe('"x-y"');
});
