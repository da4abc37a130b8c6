import { expect, test } from 'vitest';
import { matched, mergeTrees } from './compare';
import { largeTrace, madeTrace } from './made';
import { buildTree } from './tree';

const a = buildTree(madeTrace([
  { id: '1', kind: 'agent', name: 'plan', from: 0, to: 10 },
  { id: '2', parent: '1', name: 'chat big', model: 'big', tokens: [10, 1], usd: 0.1, from: 0, to: 2 },
  { id: '3', parent: '1', kind: 'tool', name: 'search', from: 2, to: 3 },
  { id: '4', parent: '1', name: 'chat big', model: 'big', tokens: [20, 2], usd: 0.2, from: 3, to: 6 },
]));
const b = buildTree(madeTrace([
  { id: 'x', kind: 'agent', name: 'plan', from: 0, to: 6 },
  { id: 'y', parent: 'x', name: 'chat small', model: 'small', tokens: [10, 1], from: 0, to: 1 },
  { id: 'z', parent: 'x', kind: 'tool', name: 'search', from: 1, to: 2, error: true },
  { id: 'w', parent: 'z', name: 'GET', from: 1, to: 2 },
]));

test('paths that are the same match; the others stand where they happened', () => {
  const lines = mergeTrees(a, b);
  expect(lines.map((l) => [l.depth, l.name, l.a?.count, l.b?.count])).toEqual([[0, 'plan', 1, 1], [1, 'chat big', 2, undefined], [1, 'chat small', undefined, 1], [1, 'search', 1, 1], [2, 'GET', undefined, 1]]);
  expect(lines[0]).toMatchObject({ below: 4, differs: true });
  expect(lines[3]).toMatchObject({ below: 1, differs: true });
  expect(lines[3]?.b?.errors).toBe(1);
  expect(lines[0]?.a?.sum.usd).toBeCloseTo(0.3);
  expect(lines[0]?.b?.sum).toMatchObject({ unpriced: 1, calls: 1, errors: 1 });
  expect(lines[1]?.a).toMatchObject({ count: 2, seconds: 5, first: '2' });
  expect(matched(lines)).toEqual({ both: 2, a: 1, b: 2 });
});

test('calls of different models match where models do not count', () => {
  expect(mergeTrees(a, b, { ignoreModels: true }).map((l) => [l.name, l.a?.count, l.b?.count])).toEqual([['plan', 1, 1], ['chat', 2, 1], ['search', 1, 1], ['GET', undefined, 1]]);
});

test('a trace against itself has no differences', () => {
  const t = buildTree(largeTrace(3000));
  const lines = mergeTrees(t, t);
  expect(lines.every((l) => !l.differs && l.a?.count === l.b?.count)).toBe(true);
  expect(lines.reduce((n, l) => n + (l.a?.count ?? 0), 0)).toBe(3000);
});
