import { expect, test } from 'vitest';
import { traceParams } from './traceQuery';

test('tags of traces', () => {
  expect(traceParams({ service: '$trace_service', tags: { 'pitot.span.kind': 'agent' }, limit: 500 }, { trace_service: ['a'] })).toEqual({ service: 'a', kind: 'agent', limit: 100 });
  expect(traceParams({ service: '$trace_service', tags: { error: 'true' }, limit: 20 }, {})).toEqual({ service: '', status: 'error', limit: 20 });
  expect(traceParams({ service: 'checkout', tags: { 'gen_ai.operation.name': 'chat', team: 'x' }, limit: 20 }, {})).toEqual({ service: 'checkout', operation: 'chat', 'tags.team': 'x', limit: 20 });
});
