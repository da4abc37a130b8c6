// Tool results are shown beside the calls that asked for them.

import type { Message, MessagePart } from '~/api/types';

export interface Paired {
  /** The message without the results that are shown elsewhere. */
  message: Message;
  /** Its place in the list that was given. */
  index: number;
  /** Results of its tool calls, by the place of the part. */
  results: ReadonlyMap<number, MessagePart>;
}

/**
 * Finds the result of each tool call in the messages after it: by its id, or, where
 * senders give none, by its name. Messages of which nothing is left are dropped.
 */
export function pair(messages: readonly Message[]): Paired[] {
  interface Place { message: number; part: number }
  const open: (Place & { id?: string; name?: string })[] = [];
  const results = messages.map(() => new Map<number, MessagePart>());
  const taken = messages.map(() => new Set<number>());
  messages.forEach((m, i) => {
    m.parts.forEach((p, k) => {
      if (p.type === 'tool_call') open.push({ message: i, part: k, id: p.id, name: p.name });
      if (p.type !== 'tool_call_response') return;
      const at = open.findIndex((c) => (p.id !== undefined && p.id !== '' ? c.id === p.id : p.name !== undefined && c.name === p.name));
      const call = open[at];
      if (call === undefined) return;
      open.splice(at, 1);
      results[call.message]?.set(call.part, p);
      taken[i]?.add(k);
    });
  });
  return messages.flatMap((m, i) => {
    const gone = taken[i] ?? new Set();
    if (gone.size === 0) return [{ message: m, index: i, results: results[i] ?? new Map() }];
    const parts = m.parts.filter((_, k) => !gone.has(k));
    return parts.length === 0 ? [] : [{ message: { ...m, parts }, index: i, results: shift(results[i] ?? new Map(), gone) }];
  });
}

/** Where parts were taken out, the places of those after them move. */
function shift(results: ReadonlyMap<number, MessagePart>, gone: ReadonlySet<number>): Map<number, MessagePart> {
  const out = new Map<number, MessagePart>();
  for (const [k, v] of results) out.set(k - [...gone].filter((g) => g < k).length, v);
  return out;
}
