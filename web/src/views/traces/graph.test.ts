import { describe, expect, test } from 'vitest';
import { box, buildGraph, layout } from './graph';
import { largeTrace, madeTrace } from './made';
import { operations } from './operations';
import { buildTree } from './tree';

const run = buildTree(madeTrace([
  { id: 'w', kind: 'workflow', name: 'run', from: 0, to: 20 },
  { id: 'a', parent: 'w', kind: 'agent', agent: 'planner', from: 0, to: 12 },
  { id: 'http', parent: 'a', name: 'POST', from: 1, to: 3 },
  { id: 'c1', parent: 'http', tokens: [10, 1], usd: 0.1, model: 'big', from: 1, to: 3 },
  { id: 't1', parent: 'a', kind: 'tool', tool: 'search', from: 3, to: 4, error: true },
  { id: 't2', parent: 'a', kind: 'tool', tool: 'search', from: 4, to: 6 },
  { id: 'b', parent: 'a', kind: 'agent', agent: 'writer', from: 6, to: 11 },
  { id: 'again', parent: 'b', kind: 'agent', agent: 'planner', from: 7, to: 10 },
  { id: 'box', parent: 'again', tokens: [30, 3], usd: 0.3, model: 'big', container: true, from: 7, to: 9 },
  { id: 'c2', parent: 'box', tokens: [30, 3], usd: 0.3, model: 'big', from: 7, to: 9 },
]));

describe('the graph of a run', () => {
  const g = buildGraph(run);
  const node = (id: string) => g.nodes.find((n) => n.id === id);

  test('has a node for each agent, tool and model, and passes through what is between', () => {
    expect(g.nodes.map((n) => n.id).sort()).toEqual(['agent:planner', 'agent:writer', 'call:big', 'tool:search', 'workflow:run']);
    expect(node('tool:search')).toMatchObject({ count: 2, errors: 1, seconds: 3, first: 't1' });
    expect(node('call:big')).toMatchObject({ count: 2, calls: 2, input: 40, output: 4, usd: 0.4 });
    expect(g.edges.map((e) => `${e.from} ${e.to} ${e.count}`).sort()).toEqual(['agent:planner agent:writer 1', 'agent:planner call:big 2', 'agent:planner tool:search 2', 'agent:writer agent:planner 1', 'workflow:run agent:planner 1']);
  });

  test('what begins at several nodes begins at the service', () => {
    const two = buildGraph(buildTree(madeTrace([{ id: 'x', tokens: [1, 1], from: 0, to: 1, model: 'a' }, { id: 'y', tokens: [1, 1], from: 2, to: 3, model: 'b' }])));
    expect(two.nodes.map((n) => n.id)).toContain('entry');
    expect(two.edges).toHaveLength(2);
  });

  test('is laid out left to right in spite of cycles, without overlaps', () => {
    const l = layout(g);
    const at = (id: string) => l.at.get(id)?.layer;
    expect([at('workflow:run'), at('agent:planner'), at('agent:writer')]).toEqual([0, 1, 2]);
    expect(at('call:big')).toBe(2);
    const places = [...l.at.values()];
    for (const a of places) for (const b of places) if (a !== b && a.layer === b.layer) expect(Math.abs(a.y - b.y)).toBeGreaterThanOrEqual(box.height);
    for (const p of places) {
      expect(p.x + box.width).toBeLessThanOrEqual(l.width);
      expect(p.y + box.height).toBeLessThanOrEqual(l.height + 1e-9);
    }
  });

  test('an agent that calls itself, and a ring, end', () => {
    const ring = { nodes: g.nodes, edges: [...g.nodes.map((n, i) => ({ from: n.id, to: g.nodes[(i + 1) % g.nodes.length]?.id ?? '', count: 1, errors: 0, seconds: 1 })), { from: 'agent:planner', to: 'agent:planner', count: 1, errors: 0, seconds: 1 }] };
    expect(layout(ring).at.size).toBe(g.nodes.length);
  });

  test('of 20,000 spans takes no time', () => {
    const large = buildGraph(buildTree(largeTrace(20_000)));
    expect(large.nodes.length).toBeLessThan(30);
    expect(layout(large).at.size).toBe(large.nodes.length);
  });
});

test('operations: nested time once, containers not counted again, self times add up', () => {
  const list = operations(run);
  const of = (name: string) => list.find((o) => o.name === name);
  expect(of('box')).toMatchObject({ count: 1, calls: 0, usd: 0 });
  expect(list.reduce((n, o) => n + o.self, 0)).toBeCloseTo(20);
  expect(list.reduce((n, o) => n + o.usd, 0)).toBeCloseTo(0.4);
  const nested = operations(buildTree(madeTrace([{ id: '1', name: 'f', from: 0, to: 10 }, { id: '2', parent: '1', name: 'f', from: 1, to: 9 }, { id: '3', parent: '2', name: 'g', from: 2, to: 3 }, { id: '4', name: 'f', from: 20, to: 21 }])));
  expect(nested.find((o) => o.name === 'f')).toMatchObject({ count: 3, total: 11, sum: 19, longest: 10 });
});
