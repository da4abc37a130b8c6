import { expect, test } from 'vitest';
import { matching, spotAt, take } from './complete';

/** A text with the cursor at |. */
const at = (s: string) => {
  const cursor = s.indexOf('|');
  return { text: s.replace('|', ''), cursor };
};
const spot = (s: string) => {
  const { text, cursor } = at(s);
  return spotAt(text, cursor);
};

test('a field is written at the start and after a blank', () => {
  expect(spot('|')).toMatchObject({ kind: 'field', prefix: '' });
  expect(spot('usage.inp|')).toMatchObject({ kind: 'field', prefix: 'usage.inp', from: 0, to: 9 });
  expect(spot('status:ok mo|del')).toMatchObject({ kind: 'field', prefix: 'mo', from: 10, to: 15 });
  expect(spot('!(mo|')).toMatchObject({ kind: 'field', prefix: 'mo', from: 2 });
});

test('a value is written after the colon', () => {
  expect(spot('status:|')).toMatchObject({ kind: 'value', field: 'status', prefix: '' });
  expect(spot('model:=gpt|')).toMatchObject({ kind: 'value', field: 'model', prefix: 'gpt' });
  expect(spot('model:="gpt 4|')).toMatchObject({ kind: 'value', field: 'model', prefix: 'gpt 4', from: 7 });
  expect(spot('model:in(a,b|')).toMatchObject({ kind: 'value', field: 'model', prefix: 'b' });
  expect(spot('"tags.a b":x|')).toMatchObject({ kind: 'value', field: 'tags.a b' });
  expect(spot('"some phrase|')).toBeUndefined();
});

test('a choice replaces what is written and leaves the rest', () => {
  const done = (s: string, choice: string) => {
    const { text, cursor } = at(s);
    const where = spotAt(text, cursor);
    if (where === undefined) throw new Error('no spot');
    const r = take(text, where, choice);
    return r.text.slice(0, r.cursor) + '|' + r.text.slice(r.cursor);
  };
  expect(done('mo|', 'model')).toBe('model:|');
  expect(done('mo|:=x', 'model')).toBe('model:|=x');
  expect(done('status:|', 'error')).toBe('status:=error |');
  expect(done('model:=g|', 'gpt-4o')).toBe('model:="gpt-4o" |');
  expect(done('model:="gpt|" user:x', 'gpt-4o')).toBe('model:="gpt-4o"| user:x');
  expect(done('model:in(a,|)', 'b c')).toBe('model:in(a,"b c"|)');
  expect(done('a:b |', 'tags.my team')).toBe('a:b "tags.my team":|');
});

test('beginnings come first', () => {
  expect(matching(['xmodel', 'model', 'Model2', 'user'], 'mod')).toEqual(['model', 'Model2', 'xmodel']);
});
