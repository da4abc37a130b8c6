import { describe, expect, test } from 'vitest';
import { criticalPath } from './critical';
import { largeTrace, madeTrace } from './made';
import { agrees, ancestors, buildTree, parentsFrom, search, visibleRows, withoutPlain, type LogLine } from './tree';

const agent = madeTrace([
  { id: 'root', kind: 'workflow', from: 0, to: 10 },
  { id: 'a', parent: 'root', kind: 'agent', from: 1, to: 9 },
  { id: 'client', parent: 'a', from: 1, to: 5, tokens: [100, 10], usd: 0.5, container: true },
  { id: 'gateway', parent: 'client', from: 1.5, to: 4.5, tokens: [100, 10], usd: 0.5 },
  { id: 'tool', parent: 'a', kind: 'tool', from: 5, to: 6, error: true },
  { id: 'second', parent: 'a', from: 6, to: 9, tokens: [200, 20] },
]);

describe('the tree', () => {
  test('order, depth and the ends of subtrees', () => {
    const t = buildTree(agent);
    expect(t.nodes.map((n) => [n.span.span_id, n.depth, n.end])).toEqual([['root', 0, 6], ['a', 1, 6], ['client', 2, 4], ['gateway', 3, 4], ['tool', 2, 5], ['second', 2, 6]]);
    expect(ancestors(t, 3).map((i) => t.nodes[i]?.span.span_id)).toEqual(['client', 'a', 'root']);
  });

  test('a container is not counted again; the sums are the API’s', () => {
    const t = buildTree(agent);
    expect(t.total).toEqual({ spans: 6, calls: 2, errors: 1, input: 300, output: 30, usd: 0.5, unpriced: 1, estimated: false });
    expect(agrees(t, agent)).toBe(true);
    const client = t.nodes[t.byId.get('client') ?? -1];
    expect(client?.sum).toMatchObject({ spans: 2, calls: 1, usd: 0.5, input: 100 });
    expect(agrees(t, { ...agent, cost_usd: 1 })).toBe(false);
  });

  test('self time is without what children cover, once', () => {
    const t = buildTree(madeTrace([{ id: 'p', from: 0, to: 10 }, { id: 'x', parent: 'p', from: 1, to: 4 }, { id: 'y', parent: 'p', from: 3, to: 6 }, { id: 'z', parent: 'p', from: 9, to: 14 }]));
    expect(t.nodes[0]?.self).toBeCloseTo(10 - 5 - 1);
  });

  test('collapsing hides all below; expanding shows it again', () => {
    const t = buildTree(agent);
    const ids = (c: string[]) => visibleRows(t, new Set(c)).map((r) => (r.type === 'span' ? r.node.span.span_id : 'log'));
    expect(ids(['client'])).toEqual(['root', 'a', 'client', 'tool', 'second']);
    expect(ids(['a'])).toEqual(['root', 'a']);
    expect([...parentsFrom(t, 1)]).toEqual(['a', 'client']);
  });

  test('logs stand among the children of their span, by time', () => {
    const t = buildTree(agent);
    const log = (span_id: string, at: number): LogLine => ({ time: 0, at, level: 'info', message: `${span_id}@${at}`, span_id, fields: {} });
    const rows = visibleRows(t, new Set(['client']), [log('a', 5.5), log('a', 0.5), log('client', 2), log('elsewhere', 20)]);
    expect(rows.map((r) => (r.type === 'span' ? r.node.span.span_id : r.log.message))).toEqual(['root', 'a', 'a@0.5', 'client', 'tool', 'a@5.5', 'second', 'elsewhere@20']);
    expect(rows.find((r) => r.type === 'log')).toMatchObject({ depth: 2 });
  });

  test('without plain spans, what is below them moves up', () => {
    const spans = madeTrace([{ id: 'http', from: 0, to: 9 }, { id: 'a', parent: 'http', kind: 'agent', from: 0, to: 8 }, { id: 'x', parent: 'a', from: 1, to: 7 }, { id: 'y', parent: 'x', from: 1, to: 6 }, { id: 'call', parent: 'y', from: 2, to: 5, tokens: [1, 1] }, { id: 'tool', parent: 'x', kind: 'tool', from: 5, to: 6 }]).spans;
    expect(withoutPlain(spans).map((s) => [s.span_id, s.tree_parent])).toEqual([['a', undefined], ['call', 'a'], ['tool', 'a']]);
  });

  test('search needs all words, anywhere in a span', () => {
    const t = buildTree(agent);
    const ids = (text: string) => search(t, text).map((i) => t.nodes[i]?.span.span_id);
    expect(ids('boom')).toEqual(['tool']);
    expect(ids('TOOL boom')).toEqual(['tool']);
    expect(ids('tool nothing')).toEqual([]);
    expect(ids('  ')).toEqual([]);
  });
});

describe('the critical path', () => {
  const path = (spans: Parameters<typeof madeTrace>[0]) => {
    const t = buildTree(madeTrace(spans));
    const c = criticalPath(t);
    return { total: c.total, sections: Object.fromEntries([...c.sections].map(([i, s]) => [t.nodes[i]?.span.span_id, s])) };
  };

  test('one after the other', () => {
    expect(path([{ id: 'p', from: 0, to: 10 }, { id: 'x', parent: 'p', from: 1, to: 4 }, { id: 'y', parent: 'p', from: 5, to: 9 }])).toEqual({ total: 10, sections: { p: [[0, 1], [4, 5], [9, 10]], x: [[1, 4]], y: [[5, 9]] } });
  });

  test('of parallel children the one that ends last; the one before it ended in time', () => {
    expect(path([{ id: 'p', from: 0, to: 10 }, { id: 'short', parent: 'p', from: 1, to: 5 }, { id: 'long', parent: 'p', from: 1, to: 8 }]).sections).toEqual({ p: [[0, 1], [8, 10]], long: [[1, 8]] });
    expect(path([{ id: 'p', from: 0, to: 10 }, { id: 'early', parent: 'p', from: 0, to: 3 }, { id: 'overlaps', parent: 'p', from: 2, to: 6 }, { id: 'last', parent: 'p', from: 4, to: 10 }]).sections).toEqual({ p: [[3, 4]], early: [[0, 3]], last: [[4, 10]] });
  });

  test('a child that goes on after its parent is cut at its end', () => {
    expect(path([{ id: 'p', from: 0, to: 5 }, { id: 'async', parent: 'p', from: 3, to: 50 }, { id: 'other', from: 50, to: 60 }]).sections).toMatchObject({ p: [[0, 3]], async: [[3, 5]], other: [[50, 60]] });
  });

  test('a child whose clock is ahead is cut at the start of its parent', () => {
    expect(path([{ id: 'p', from: 2, to: 5 }, { id: 'x', parent: 'p', from: 0, to: 4 }]).sections).toEqual({ p: [[4, 5]], x: [[2, 4]] });
  });

  test('never longer than the trace, never twice at a moment', () => {
    for (let seed = 1; seed < 30; seed++) {
      const t = buildTree(largeTrace(200, seed));
      const c = criticalPath(t);
      const all = [...c.sections.values()].flat().sort((a, b) => a[0] - b[0]);
      let at = 0;
      for (const [from, to] of all) {
        expect(from).toBeGreaterThanOrEqual(at - 1e-6);
        at = to;
      }
      expect(c.total).toBeLessThanOrEqual(t.duration + 1e-6);
      expect(c.total).toBeCloseTo(t.duration, 3);
    }
  });
});

test('20,000 spans, deep and wide, are laid out within a frame or two', () => {
  const trace = largeTrace(20_000);
  const began = performance.now();
  const t = buildTree(trace);
  const c = criticalPath(t);
  const rows = visibleRows(t, new Set());
  const took = performance.now() - began;
  expect(rows).toHaveLength(20_000);
  expect(agrees(t, trace)).toBe(true);
  expect(c.total).toBeGreaterThan(0);
  expect(took).toBeLessThan(600);
  const chain = madeTrace(Array.from({ length: 20_000 }, (_, i) => ({ id: String(i), parent: i === 0 ? undefined : String(i - 1), from: i * 0.001, to: 40 })));
  const deep = buildTree(chain);
  expect(deep.nodes[19_999]?.depth).toBe(19_999);
  expect(criticalPath(deep).total).toBeCloseTo(40, 3);
});
