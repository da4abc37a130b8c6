// The critical path: which span the end of the trace waited for, at each moment.
// As Jaeger's: from the end backwards, always into the child that finished last.
// What a child does after its parent has ended held nobody up; what overlaps a
// later sibling did not, either.

import type { Tree } from './tree';

export type Section = readonly [from: number, to: number];

export interface Critical {
  /** By the place of the span, in the order of time. */
  sections: Map<number, Section[]>;
  /** What they add up to. */
  total: number;
}

interface Frame {
  /** -1 for the trace itself. */
  node: number;
  low: number;
  high: number;
  cursor: number;
  /** The children that end last first. */
  order: number[];
  next: number;
}

export function criticalPath(tree: Tree): Critical {
  const sections = new Map<number, Section[]>();
  let total = 0;
  const add = (node: number, from: number, to: number) => {
    if (node < 0 || !(to - from > 1e-9)) return;
    total += to - from;
    const list = sections.get(node);
    if (list === undefined) sections.set(node, [[from, to]]);
    else list.push([from, to]);
  };
  const frame = (node: number, children: readonly number[], low: number, high: number): Frame => ({
    node, low, high, cursor: high, next: 0,
    order: [...children].sort((a, b) => (tree.nodes[b]?.to ?? 0) - (tree.nodes[a]?.to ?? 0) || (tree.nodes[b]?.from ?? 0) - (tree.nodes[a]?.from ?? 0)),
  });
  const last = tree.nodes.reduce((m, n) => Math.max(m, n.to), 0);
  const stack: Frame[] = [frame(-1, tree.roots, 0, last)];
  for (let f = stack.at(-1); f !== undefined; f = stack.at(-1)) {
    const child = tree.nodes[f.order[f.next] ?? -1];
    if (child === undefined) {
      add(f.node, f.low, f.cursor);
      stack.pop();
      continue;
    }
    f.next++;
    const to = Math.min(child.to, f.high);
    const from = Math.max(child.from, f.low);
    if (to > f.cursor + 1e-9 || to - from <= 1e-9) continue;
    add(f.node, to, f.cursor);
    f.cursor = from;
    stack.push(frame(child.index, child.children, from, to));
  }
  for (const list of sections.values()) list.sort((a, b) => a[0] - b[0]);
  return { sections, total };
}
