// The turns of a session: which call goes on from which, and what it all comes to.

import type { SessionCall } from '~/api/types';

export interface Turn {
  call: SessionCall;
  /** From 1. */
  number: number;
  /** It begins a conversation of its own, though it is not the first. */
  thread: boolean;
  /** The turn that it goes on from, where that is not the one before; 0 where it is not here. */
  from?: number;
  /** Seconds from the end of the turn before to its start; absent where they overlap. */
  pause?: number;
  /** Known cost of all turns up to and with it. */
  usd: number;
  /** Turns up to and with it without a known cost. */
  unpriced: number;
}

export function turnsOf(calls: readonly SessionCall[]): Turn[] {
  const number = new Map<string, number>();
  let usd = 0;
  let unpriced = 0;
  let ended = Number.NaN;
  return calls.map((call, i) => {
    const n = i + 1;
    if (call.cost.usd === undefined) unpriced++;
    else usd += call.cost.usd;
    const start = Date.parse(call.time);
    const turn: Turn = { call, number: n, thread: call.continues === undefined && i > 0, usd, unpriced };
    if (call.continues !== undefined) {
      const from = number.get(call.continues) ?? 0;
      if (from !== n - 1) turn.from = from;
    }
    const pause = (start - ended) / 1000;
    if (pause > 0) turn.pause = pause;
    ended = Math.max(Number.isNaN(ended) ? -Infinity : ended, start + call.duration_seconds * 1000);
    number.set(call.id, n);
    return turn;
  });
}
