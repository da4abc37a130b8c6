import { expect, test } from 'vitest';
import type { Message } from '~/api/types';
import { pair } from './pairs';
import { fold, jsonOf, previewOf } from './text';

test('short texts are whole, long ones end at a word or a line', () => {
  expect(fold('short')).toBeUndefined();
  expect(fold('x'.repeat(110), 100)).toBeUndefined();
  expect(fold('word '.repeat(100), 100)).toBe('word '.repeat(19) + 'word');
  expect(fold('line\n'.repeat(50), 10_000, 5)?.split('\n').length).toBe(5);
  expect(fold('a\nb\nc', 100, 24)).toBeUndefined();
  expect(fold('😀'.repeat(200), 101)?.at(-1)).not.toBe('\ud83d');
});

test('JSON is an object or an array', () => {
  expect(jsonOf(' {"a":1}')).toEqual({ a: 1 });
  for (const no of ['12', '"x"', 'null', '{a}', '[1', 'text {"a":1}']) expect(jsonOf(no)).toBeUndefined();
});

const call = (id: string | undefined, name: string): Message => ({ role: 'assistant', parts: [{ type: 'tool_call', id, name, arguments: '{}' }] });
const answer = (id: string | undefined, response: string, name?: string): Message => ({ role: 'tool', parts: [{ type: 'tool_call_response', id, name, response }] });

test('results stand beside their calls', () => {
  const p = pair([call('1', 'a'), answer('1', 'x'), { role: 'user', parts: [{ type: 'text', content: 'hi' }] }]);
  expect(p.map((x) => x.message.role)).toEqual(['assistant', 'user']);
  expect(p[0]?.results.get(0)?.response).toBe('x');
  expect(p[1]?.index).toBe(2);
});

test('the same id again is the next call, names stand in for ids, and what has no call stays', () => {
  const p = pair([call('1', 'a'), answer('1', 'x'), call('1', 'a'), answer('1', 'y'), call(undefined, 'b'), answer(undefined, 'z', 'b'), answer('9', 'lost')]);
  expect(p.map((x) => x.results.get(0)?.response ?? x.message.role)).toEqual(['x', 'y', 'z', 'tool']);
});

test('parts that move keep their results', () => {
  const p = pair([call('1', 'a'), { role: 'user', parts: [{ type: 'tool_call_response', id: '1', response: 'x' }, { type: 'tool_call', id: '2', name: 'b' }] }, answer('2', 'y')]);
  expect(p[1]?.message.parts.length).toBe(1);
  expect(p[1]?.results.get(0)?.response).toBe('y');
});

test('a preview is the first line that says something', () => {
  expect(previewOf({ role: 'assistant', parts: [{ type: 'reasoning', content: 'hm' }, { type: 'text', content: ' a\n b ' }] })).toBe('a b');
  expect(previewOf(call('1', 'find'))).toBe('find({})');
  expect(previewOf(undefined)).toBe('');
});
