import { expect, test } from 'vitest';
import type { Call } from '~/api/types';
import { streamModel } from '../model';
import { encodeTimeline } from '../decode';
import { plain, rowsOf } from './rows';

const call = (o: Partial<Call>): Call => ({ id: 'c', time: '2026-01-01T00:00:00Z', source: 'gateway', status: 'ok', usage: { source: 'reported' }, cost: { state: 'unpriced' }, duration_seconds: 1, ...o });

test('only what one of the two has, and unknown stays unknown', () => {
  const a = streamModel(call({ request_model: 'm', params: { temperature: 0.2 }, stream: true, timeline: encodeTimeline([[10, 1], [10, 1]]), ttft_seconds: 0.001, chunks: 2 }));
  const b = streamModel(call({ request_model: 'm', response_model: 'm-1', params: { max_tokens: 5 }, status: 'error' }));
  const rows = new Map(rowsOf(a, b).map((r) => [r.label, [r.a, r.b]]));
  expect(rows.get('model')).toEqual(['m', 'm-1']);
  expect(rows.get('status')).toEqual(['ok', 'error']);
  expect(rows.get('temperature')).toEqual(['0.2', undefined]);
  expect(rows.get('max_tokens')).toEqual([undefined, '5']);
  expect(rows.get('stalls')).toEqual([0, undefined]);
  expect(rows.has('cost')).toBe(false);
  expect(rows.has('input_tokens')).toBe(false);
});

test('messages as text', () => {
  expect(plain([{ role: 'user', parts: [{ type: 'text', content: 'hi' }] }, { role: 'assistant', parts: [{ type: 'tool_call', name: 'f', arguments: '{"a":1}' }] }])).toBe('── user\nhi\n── assistant\n[tool call] f({\n  "a": 1\n})');
  expect(plain(undefined)).toBe('');
});
