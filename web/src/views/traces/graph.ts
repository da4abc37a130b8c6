// Who called whom in a run: agents, tools, retrievals and models as nodes, with
// what passed between them; and where to draw them, in layers.

import type { Kind } from './kinds';
import type { Node, Tree } from './tree';

export interface GraphNode {
  id: string;
  kind: Kind | 'entry';
  name: string;
  count: number;
  errors: number;
  /** Seconds in the spans of the node, with what is below; nested ones of the same node once. */
  seconds: number;
  calls: number;
  input: number;
  output: number;
  usd: number;
  unpriced: number;
  estimated: boolean;
  /** The first span of it. */
  first?: string;
}

export interface GraphEdge {
  from: string;
  to: string;
  count: number;
  errors: number;
  seconds: number;
}

export interface Graph {
  nodes: GraphNode[];
  edges: GraphEdge[];
}

const entry = 'entry';

/** What a span is in the graph; undefined for what is only passed through. */
export function nodeOf(n: Node): { kind: Kind; name: string } | undefined {
  const s = n.span;
  switch (s.kind) {
    case 'agent': return { kind: 'agent', name: s.span?.agent ?? s.name };
    case 'tool': return { kind: 'tool', name: s.span?.tool ?? s.name };
    case 'retrieval': return { kind: 'retrieval', name: s.name };
    case 'workflow': return { kind: 'workflow', name: s.span?.workflow ?? s.name };
    case 'task': return { kind: 'task', name: s.name };
    // A container repeats the call below it.
    case 'call': return s.container === true ? undefined : { kind: 'call', name: s.call?.request_model ?? s.call?.response_model ?? s.name };
    default: return undefined;
  }
}

export function buildGraph(tree: Tree): Graph {
  const nodes = new Map<string, GraphNode>();
  const edges = new Map<string, GraphEdge>();
  const add = (id: string, kind: GraphNode['kind'], name: string): GraphNode => {
    let g = nodes.get(id);
    if (g === undefined) nodes.set(id, (g = { id, kind, name, count: 0, errors: 0, seconds: 0, calls: 0, input: 0, output: 0, usd: 0, unpriced: 0, estimated: false }));
    return g;
  };
  // For each span the graph's node that it lies in.
  const within: string[] = [];
  for (const n of tree.nodes) {
    const parent = n.parent < 0 ? entry : (within[n.parent] ?? entry);
    const what = nodeOf(n);
    if (what === undefined) {
      within[n.index] = parent;
      continue;
    }
    const id = `${what.kind}:${what.name}`;
    within[n.index] = id;
    const g = add(id, what.kind, what.name);
    g.count++;
    g.first ??= n.span.span_id;
    if (n.span.status === 'error') g.errors++;
    if (parent !== id) g.seconds += n.span.duration_seconds;
    const call = n.span.call;
    if (call !== undefined && n.span.container !== true) {
      g.calls++;
      g.input += call.usage.input_tokens ?? 0;
      g.output += call.usage.output_tokens ?? 0;
      g.estimated ||= call.cost.state === 'estimated';
      if (call.cost.usd === undefined) g.unpriced++;
      else g.usd += call.cost.usd;
    }
    const key = `${parent}\n${id}`;
    let e = edges.get(key);
    if (e === undefined) edges.set(key, (e = { from: parent, to: id, count: 0, errors: 0, seconds: 0 }));
    e.count++;
    e.seconds += n.span.duration_seconds;
    if (n.span.status === 'error') e.errors++;
  }
  // Where all begins at one node, that is the beginning.
  const starts = [...edges.values()].filter((e) => e.from === entry);
  if (starts.length > 1) {
    const g = add(entry, 'entry', tree.nodes[tree.roots[0] ?? 0]?.span.service ?? '');
    g.count = starts.reduce((n, e) => n + e.count, 0);
  } else for (const e of starts) edges.delete(`${e.from}\n${e.to}`);
  return { nodes: [...nodes.values()], edges: [...edges.values()] };
}

export interface Placed {
  x: number;
  y: number;
  layer: number;
}

export interface Layout {
  at: Map<string, Placed>;
  width: number;
  height: number;
}

export const box = { width: 190, height: 66, gapX: 90, gapY: 22 } as const;

/**
 * Layers from left to right: each node right of all that lead to it, cycles broken
 * where a search in depth comes back to where it has been. Within a layer the order
 * follows the neighbours' (their mean), a few times to and fro, to have few crossings.
 */
export function layout(g: Graph): Layout {
  const ids = g.nodes.map((n) => n.id);
  const out = new Map<string, string[]>(ids.map((id) => [id, []]));
  const into = new Map<string, string[]>(ids.map((id) => [id, []]));
  for (const e of g.edges) if (e.from !== e.to && out.has(e.from) && into.has(e.to)) out.get(e.from)?.push(e.to);
  const back = backEdges(ids, out, new Set(g.edges.filter((e) => e.from !== e.to).map((e) => e.to)));
  for (const [from, list] of out) for (const to of list) if (!back.has(`${from}\n${to}`)) into.get(to)?.push(from);
  const layer = longestPath(ids, into);
  const layers: string[][] = [];
  for (const id of ids) (layers[layer.get(id) ?? 0] ??= []).push(id);
  const position = new Map<string, number>();
  const number = (list: string[]) => list.forEach((id, i) => position.set(id, i - (list.length - 1) / 2));
  layers.forEach(number);
  const sort = (list: string[], near: Map<string, string[]>) => {
    const mean = new Map(list.map((id) => {
      const around = (near.get(id) ?? []).map((x) => position.get(x) ?? 0);
      return [id, around.length === 0 ? (position.get(id) ?? 0) : around.reduce((a, b) => a + b, 0) / around.length];
    }));
    list.sort((a, b) => (mean.get(a) ?? 0) - (mean.get(b) ?? 0));
    number(list);
  };
  for (let round = 0; round < 4; round++) {
    for (let i = 1; i < layers.length; i++) sort(layers[i] ?? [], into);
    for (let i = layers.length - 2; i >= 0; i--) sort(layers[i] ?? [], out);
  }
  const tallest = Math.max(1, ...layers.map((l) => l.length));
  const height = tallest * (box.height + box.gapY) - box.gapY;
  const at = new Map<string, Placed>();
  layers.forEach((list, i) => {
    const used = list.length * (box.height + box.gapY) - box.gapY;
    list.forEach((id, k) => at.set(id, { x: i * (box.width + box.gapX), y: (height - used) / 2 + k * (box.height + box.gapY), layer: i }));
  });
  return { at, width: Math.max(1, layers.length) * (box.width + box.gapX) - box.gapX, height };
}

/** Edges that lead back to a node that the search is in: without them there are no cycles. */
function backEdges(ids: readonly string[], out: ReadonlyMap<string, string[]>, entered: ReadonlySet<string>): Set<string> {
  const back = new Set<string>();
  const state = new Map<string, 'open' | 'done'>();
  // Beginnings first, so that it is the edges to them that count as leading back.
  for (const start of [...ids.filter((id) => !entered.has(id)), ...ids]) {
    if (state.has(start)) continue;
    const stack: { id: string; next: number }[] = [{ id: start, next: 0 }];
    state.set(start, 'open');
    for (let f = stack.at(-1); f !== undefined; f = stack.at(-1)) {
      const to = out.get(f.id)?.[f.next++];
      if (to === undefined) {
        state.set(f.id, 'done');
        stack.pop();
      } else if (state.get(to) === 'open') back.add(`${f.id}\n${to}`);
      else if (!state.has(to)) {
        state.set(to, 'open');
        stack.push({ id: to, next: 0 });
      }
    }
  }
  return back;
}

function longestPath(ids: readonly string[], into: ReadonlyMap<string, string[]>): Map<string, number> {
  const layer = new Map<string, number>();
  for (const start of ids) {
    const stack = [start];
    for (let id = stack.at(-1); id !== undefined; id = stack.at(-1)) {
      if (layer.has(id)) {
        stack.pop();
        continue;
      }
      const open = (into.get(id) ?? []).filter((p) => !layer.has(p));
      if (open.length > 0) {
        stack.push(...open);
        continue;
      }
      layer.set(id, Math.max(-1, ...(into.get(id) ?? []).map((p) => layer.get(p) ?? -1)) + 1);
      stack.pop();
    }
  }
  return layer;
}
