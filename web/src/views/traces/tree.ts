// A trace as a tree in the order in which it is drawn: parents before their
// children, siblings by time. No recursion: a chain of 20,000 spans is a trace, too.

import type { Trace, TraceSpan } from '~/api/types';

export interface Node {
  span: TraceSpan;
  /** Its place in Tree.nodes. */
  index: number;
  /** Place of the parent; -1 for a root. */
  parent: number;
  depth: number;
  children: number[];
  from: number;
  to: number;
  /** The place after the last one below it. */
  end: number;
  /** Time in it and in none of its children. */
  self: number;
  sum: Rollup;
}

/** Of a span and all below it. A container's own numbers repeat what its calls report and are left out. */
export interface Rollup {
  spans: number;
  calls: number;
  errors: number;
  input: number;
  output: number;
  usd: number;
  unpriced: number;
  /** Some cost is estimated. */
  estimated: boolean;
}

export interface Tree {
  nodes: Node[];
  roots: number[];
  byId: Map<string, number>;
  /** Never 0, so that it can be the length of an axis. */
  duration: number;
  total: Rollup;
}

export function emptyRollup(): Rollup {
  return { spans: 0, calls: 0, errors: 0, input: 0, output: 0, usd: 0, unpriced: 0, estimated: false };
}

export function addRollup(to: Rollup, r: Rollup): void {
  to.spans += r.spans;
  to.calls += r.calls;
  to.errors += r.errors;
  to.input += r.input;
  to.output += r.output;
  to.usd += r.usd;
  to.unpriced += r.unpriced;
  to.estimated ||= r.estimated;
}

/** What a span adds by itself. */
export function own(s: TraceSpan): Rollup {
  const r = emptyRollup();
  r.spans = 1;
  if (s.status === 'error') r.errors = 1;
  if (s.call === undefined || s.container === true) return r;
  r.calls = 1;
  r.input = s.call.usage.input_tokens ?? 0;
  r.output = s.call.usage.output_tokens ?? 0;
  r.estimated = s.call.cost.state === 'estimated';
  if (s.call.cost.usd === undefined) r.unpriced = 1;
  else r.usd = s.call.cost.usd;
  return r;
}

export function buildTree(trace: Pick<Trace, 'spans' | 'duration_seconds'>): Tree {
  const spans = trace.spans;
  const place = new Map<string, number>();
  spans.forEach((s, i) => place.set(s.span_id, i));
  const below: number[][] = spans.map(() => []);
  const tops: number[] = [];
  spans.forEach((s, i) => {
    const p = s.tree_parent === undefined ? undefined : place.get(s.tree_parent);
    if (p === undefined || p === i) tops.push(i);
    else below[p]?.push(i);
  });
  const byTime = (a: number, b: number) => (spans[a]?.offset_seconds ?? 0) - (spans[b]?.offset_seconds ?? 0) || a - b;
  tops.sort(byTime);
  for (const list of below) list.sort(byTime);

  const nodes: Node[] = [];
  const byId = new Map<string, number>();
  const stack: [span: number, parent: number, depth: number][] = [...tops].reverse().map((i) => [i, -1, 0]);
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const [i, parent, depth] = next;
    const span = spans[i];
    if (span === undefined) continue;
    const index = nodes.length;
    const from = span.offset_seconds;
    nodes.push({ span, index, parent, depth, children: [], from, to: from + span.duration_seconds, end: index + 1, self: span.duration_seconds, sum: own(span) });
    byId.set(span.span_id, index);
    nodes[parent]?.children.push(index);
    const list = below[i] ?? [];
    for (let k = list.length - 1; k >= 0; k--) stack.push([list[k] ?? 0, index, depth + 1]);
  }
  const total = emptyRollup();
  for (let i = nodes.length - 1; i >= 0; i--) {
    const n = nodes[i];
    if (n === undefined) continue;
    n.self = selfTime(n, nodes);
    const p = nodes[n.parent];
    if (p === undefined) {
      addRollup(total, n.sum);
      continue;
    }
    addRollup(p.sum, n.sum);
    p.end = Math.max(p.end, n.end);
  }
  return { nodes, roots: nodes.filter((n) => n.parent < 0).map((n) => n.index), byId, duration: Math.max(trace.duration_seconds, 1e-6), total };
}

/** The duration without the time that any child covers. Children are in the order of their starts. */
function selfTime(n: Node, nodes: readonly Node[]): number {
  let covered = 0;
  let at = n.from;
  for (const c of n.children) {
    const child = nodes[c];
    if (child === undefined) continue;
    const from = Math.max(child.from, at);
    const to = Math.min(child.to, n.to);
    if (to > from) {
      covered += to - from;
      at = to;
    }
  }
  return Math.max(0, n.to - n.from - covered);
}

/** Whether the sums are those of the API. Money is added in another order there. */
export function agrees(tree: Tree, trace: Pick<Trace, 'calls' | 'input_tokens' | 'output_tokens' | 'cost_usd' | 'errors' | 'unpriced_calls'>): boolean {
  const t = tree.total;
  return t.calls === trace.calls && t.input === (trace.input_tokens ?? 0) && t.output === (trace.output_tokens ?? 0) && t.errors === trace.errors && t.unpriced === (trace.unpriced_calls ?? 0) && Math.abs(t.usd - trace.cost_usd) <= 1e-9 + 1e-9 * Math.abs(trace.cost_usd);
}

export interface LogLine {
  time: number;
  /** Seconds since the start of the trace. */
  at: number;
  level: string;
  message: string;
  span_id: string;
  fields: Record<string, string>;
}

export type Row = { type: 'span'; node: Node } | { type: 'log'; log: LogLine; depth: number; key: string };

/** The rows in sight: without what is below collapsed spans; logs among the children of their span, by time. */
export function visibleRows(tree: Tree, collapsed: ReadonlySet<string>, logs: readonly LogLine[] = []): Row[] {
  const out: Row[] = [];
  if (logs.length === 0) {
    for (let i = 0; i < tree.nodes.length; ) {
      const node = tree.nodes[i];
      if (node === undefined) break;
      out.push({ type: 'span', node });
      i = collapsed.has(node.span.span_id) ? node.end : i + 1;
    }
    return out;
  }
  const of = new Map<number, { log: LogLine; key: string }[]>();
  logs.forEach((log, i) => {
    const n = tree.byId.get(log.span_id) ?? -1;
    const list = of.get(n);
    if (list === undefined) of.set(n, [{ log, key: `log-${i}` }]);
    else list.push({ log, key: `log-${i}` });
  });
  type Item = { at: number; node: number } | { at: number; log: LogLine; key: string; depth: number };
  const items = (n: number): Item[] => {
    const children: Item[] = (n < 0 ? tree.roots : (tree.nodes[n]?.children ?? [])).map((c) => ({ at: tree.nodes[c]?.from ?? 0, node: c }));
    const lines = of.get(n);
    if (lines === undefined) return children;
    const depth = n < 0 ? 0 : (tree.nodes[n]?.depth ?? 0) + 1;
    return [...children, ...lines.map((l) => ({ at: l.log.at, log: l.log, key: l.key, depth }))].sort((a, b) => a.at - b.at);
  };
  const stack = items(-1).reverse();
  for (let item = stack.pop(); item !== undefined; item = stack.pop()) {
    if ('log' in item) {
      out.push({ type: 'log', log: item.log, depth: item.depth, key: item.key });
      continue;
    }
    const node = tree.nodes[item.node];
    if (node === undefined) continue;
    out.push({ type: 'span', node });
    if (!collapsed.has(node.span.span_id)) stack.push(...items(item.node).reverse());
  }
  return out;
}

/** Spans whose name, service, model, error, tool or attributes hold the text; in order. */
export function search(tree: Tree, text: string): number[] {
  const words = text.toLowerCase().split(/\s+/).filter((w) => w !== '');
  if (words.length === 0) return [];
  const out: number[] = [];
  for (const n of tree.nodes) {
    const s = n.span;
    const hay = [s.name, s.service, s.kind, s.span_id, s.error_type, s.call?.request_model, s.call?.response_model, s.call?.provider, s.call?.error_message, s.call?.user, s.call?.id, s.span?.error_message, s.span?.tool, s.span?.agent, s.span?.workflow, s.span?.input, s.span?.output, s.span?.attributes === undefined ? '' : JSON.stringify(s.span.attributes), s.call?.attributes === undefined ? '' : JSON.stringify(s.call.attributes)].join('\n').toLowerCase();
    if (words.every((w) => hay.includes(w))) out.push(n.index);
  }
  return out;
}

/** All spans that have children and lie at a depth or below it. */
export function parentsFrom(tree: Tree, depth: number): Set<string> {
  return new Set(tree.nodes.filter((n) => n.children.length > 0 && n.depth >= depth).map((n) => n.span.span_id));
}

/** The spans above one, nearest first. */
export function ancestors(tree: Tree, index: number): number[] {
  const out: number[] = [];
  for (let i = tree.nodes[index]?.parent ?? -1; i >= 0; i = tree.nodes[i]?.parent ?? -1) out.push(i);
  return out;
}

/** The spans without plain ones; what was below those is below the next one above. */
export function withoutPlain(spans: readonly TraceSpan[]): TraceSpan[] {
  const byId = new Map(spans.map((s) => [s.span_id, s]));
  const kept = new Map<string, string | undefined>();
  const above = (s: TraceSpan): string | undefined => {
    const passed: string[] = [];
    let at = s.tree_parent;
    while (at !== undefined && !kept.has(at)) {
      const p = byId.get(at);
      if (p === undefined || p.kind !== 'other') break;
      passed.push(at);
      at = p.tree_parent;
    }
    const found = at !== undefined && kept.has(at) ? kept.get(at) : at !== undefined && byId.has(at) ? at : undefined;
    for (const id of passed) kept.set(id, found);
    return found;
  };
  return spans.filter((s) => s.kind !== 'other').map((s) => ({ ...s, tree_parent: above(s) }));
}
