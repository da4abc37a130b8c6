import { expect, test } from 'vitest';
import type { SessionCall } from '~/api/types';
import { turnsOf } from './conversation';

const call = (id: string, at: number, seconds: number, o: Partial<SessionCall> = {}): SessionCall => ({
  id, time: new Date(Date.UTC(2026, 0, 2) + at * 1000).toISOString(), source: 'gateway', status: 'ok', usage: { source: 'reported' }, cost: { state: 'computed', usd: 0.01 }, duration_seconds: seconds, new_from: 0, input_messages: 1, ...o,
});

test('turns: threads, where they go on from, pauses, cost so far', () => {
  const turns = turnsOf([
    call('a', 0, 2),
    call('b', 10, 5, { continues: 'a' }),
    call('c', 12, 1), // at the same time: a thread of its own
    call('d', 20, 1, { continues: 'b', cost: { state: 'unpriced' } }),
    call('e', 30, 1, { continues: 'elsewhere' }),
  ]);
  expect(turns.map((t) => [t.number, t.thread, t.from, t.pause, Number(t.usd.toFixed(2)), t.unpriced])).toEqual([
    [1, false, undefined, undefined, 0.01, 0],
    [2, false, undefined, 8, 0.02, 0],
    [3, true, undefined, undefined, 0.03, 0],
    [4, false, 2, 5, 0.03, 1],
    [5, false, 0, 9, 0.04, 1],
  ]);
});
