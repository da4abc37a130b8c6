// Two traces as one tree: spans match where the path of kinds and names to them is
// the same. What repeats under one parent is one line with its count.

import { addRollup, emptyRollup, own, type Node, type Rollup, type Tree } from './tree';
import type { Kind } from './kinds';

/** The spans of one trace at a path. */
export interface Side {
  count: number;
  /** All their durations. */
  seconds: number;
  self: number;
  /** Of them and all below. */
  sum: Rollup;
  errors: number;
  /** The first one. */
  first: string;
}

export interface Line {
  key: string;
  depth: number;
  kind: Kind;
  name: string;
  service?: string;
  a?: Side;
  b?: Side;
  /** Lines below it. */
  below: number;
  /** It or something below it is in one trace only, or not as often. */
  differs: boolean;
}

export interface Options {
  /** Calls match whatever their model is. */
  ignoreModels?: boolean;
}

function nameOf(n: Node, o: Options): string {
  const s = n.span;
  if (o.ignoreModels === true && s.kind === 'call') return s.call?.operation ?? 'call';
  return s.name;
}

interface Group {
  kind: Kind;
  name: string;
  service?: string;
  a: Node[];
  b: Node[];
}

function side(nodes: readonly Node[]): Side | undefined {
  const first = nodes[0];
  if (first === undefined) return undefined;
  const out: Side = { count: nodes.length, seconds: 0, self: 0, sum: emptyRollup(), errors: 0, first: first.span.span_id };
  for (const n of nodes) {
    out.seconds += n.span.duration_seconds;
    out.self += n.self;
    out.errors += own(n.span).errors;
    addRollup(out.sum, n.sum);
  }
  return out;
}

export function mergeTrees(a: Tree, b: Tree, o: Options = {}): Line[] {
  const lines: Line[] = [];
  const groups = (as: readonly Node[], bs: readonly Node[]): Group[] => {
    const found = new Map<string, Group>();
    const add = (n: Node, into: 'a' | 'b') => {
      const name = nameOf(n, o);
      const key = `${n.span.kind}\n${name}`;
      let g = found.get(key);
      if (g === undefined) found.set(key, (g = { kind: n.span.kind, name, service: n.span.service, a: [], b: [] }));
      g[into].push(n);
    };
    for (const n of as) add(n, 'a');
    for (const n of bs) add(n, 'b');
    // In the order of the first of either, so that what is only in B stands where it happened.
    const at = (g: Group) => Math.min(g.a[0]?.from ?? Infinity, g.b[0]?.from ?? Infinity);
    return [...found.values()].sort((x, y) => at(x) - at(y));
  };
  const pick = (t: Tree, places: readonly number[]) => places.flatMap((i) => t.nodes[i] ?? []);
  const children = (t: Tree, nodes: readonly Node[]) => pick(t, nodes.flatMap((n) => n.children)).sort((x, y) => x.from - y.from);
  type Open = { group: Group; depth: number; path: string };
  const stack: Open[] = groups(pick(a, a.roots), pick(b, b.roots)).reverse().map((group) => ({ group, depth: 0, path: '' }));
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { group: g, depth } = next;
    const key = `${next.path}/${g.kind}:${g.name}`;
    lines.push({ key, depth, kind: g.kind, name: g.name, service: g.service, a: side(g.a), b: side(g.b), below: 0, differs: g.a.length !== g.b.length });
    for (const group of groups(children(a, g.a), children(b, g.b)).reverse()) stack.push({ group, depth: depth + 1, path: key });
  }
  // How many lines lie below each, and whether any of them differs.
  const open: { line: Line; at: number }[] = [];
  const close = (depth: number, at: number) => {
    for (let top = open.at(-1); top !== undefined && top.line.depth >= depth; top = open.at(-1)) {
      top.line.below = at - top.at - 1;
      open.pop();
      const parent = open.at(-1);
      if (parent !== undefined && top.line.differs) parent.line.differs = true;
    }
  };
  lines.forEach((line, i) => {
    close(line.depth, i);
    open.push({ line, at: i });
  });
  close(0, lines.length);
  return lines;
}

/** How many paths are in both traces, and in one only. */
export function matched(lines: readonly Line[]): { both: number; a: number; b: number } {
  const out = { both: 0, a: 0, b: 0 };
  for (const l of lines) out[l.a !== undefined && l.b !== undefined ? 'both' : l.a !== undefined ? 'a' : 'b']++;
  return out;
}
