// The spans of a trace by what they do.

import type { Kind } from './kinds';
import type { Tree } from './tree';

export interface Operation {
  key: string;
  name: string;
  service: string;
  kind: Kind;
  count: number;
  errors: number;
  /** Wall time: what lies within a span of the same operation is not counted again. */
  total: number;
  /** Of all durations. */
  sum: number;
  self: number;
  longest: number;
  calls: number;
  input: number;
  output: number;
  usd: number;
  unpriced: number;
  estimated: boolean;
}

/** Sums by service, kind and name. */
export function operations(tree: Tree): Operation[] {
  const out = new Map<string, Operation>();
  // The operations that are open above the present span, in the order of the tree.
  const open = new Map<string, number>();
  const stack: { key: string; end: number }[] = [];
  for (const n of tree.nodes) {
    for (let top = stack.at(-1); top !== undefined && top.end <= n.index; top = stack.at(-1)) {
      open.set(top.key, (open.get(top.key) ?? 1) - 1);
      stack.pop();
    }
    const s = n.span;
    const key = JSON.stringify([s.service ?? '', s.kind, s.name]);
    let o = out.get(key);
    if (o === undefined) out.set(key, (o = { key, name: s.name, service: s.service ?? '', kind: s.kind, count: 0, errors: 0, total: 0, sum: 0, self: 0, longest: 0, calls: 0, input: 0, output: 0, usd: 0, unpriced: 0, estimated: false }));
    o.count++;
    if (s.status === 'error') o.errors++;
    if ((open.get(key) ?? 0) === 0) o.total += s.duration_seconds;
    o.sum += s.duration_seconds;
    o.self += n.self;
    o.longest = Math.max(o.longest, s.duration_seconds);
    if (s.call !== undefined && s.container !== true) {
      o.calls++;
      o.input += s.call.usage.input_tokens ?? 0;
      o.output += s.call.usage.output_tokens ?? 0;
      o.estimated ||= s.call.cost.state === 'estimated';
      if (s.call.cost.usd === undefined) o.unpriced++;
      else o.usd += s.call.cost.usd;
    }
    if (n.end > n.index + 1) {
      stack.push({ key, end: n.end });
      open.set(key, (open.get(key) ?? 0) + 1);
    }
  }
  return [...out.values()];
}
