import { expect, test } from 'vitest';
import { evaluable, treeOf, type ExprNode } from './tree';

const shape = (n: ExprNode): unknown => (n.children.length === 0 ? n.head : [n.head, ...n.children.map(shape)]);

test('the tree of an expression', () => {
  const t = treeOf('sum by (model) (rate(llm_requests_total{status="error"}[5m])) / (sum(rate(x[5m])) > 0)');
  expect(t && shape(t)).toEqual(['/', ['sum by (model)', ['rate', 'llm_requests_total{status="error"}[5m]']], ['>', ['sum', ['rate', 'x[5m]']], '0']]);
});

test('matching, subqueries, offsets and parameters', () => {
  const join = treeOf('a * on (x) group_left (y) b');
  expect(join && shape(join)).toEqual(['* on (x) group_left (y)', 'a', 'b']);
  const sub = treeOf('max_over_time(rate(a[1m])[1h:5m])');
  expect(sub && shape(sub)).toEqual(['max_over_time', ['[1h:5m]', ['rate', 'a[1m]']]]);
  const q = treeOf('histogram_quantile(0.9, a offset 5m)');
  expect(q && shape(q)).toEqual(['histogram_quantile', '0.9', ['offset 5m', 'a']]);
  const top = treeOf('topk(5, x)');
  expect(top && shape(top)).toEqual(['topk', '5', 'x']);
});

test('range vectors are evaluated as their last sample', () => {
  const t = treeOf('rate(a[5m])');
  expect(t?.children[0] && evaluable(t.children[0])).toBe('last_over_time(a[5m])');
  expect(t && evaluable(t)).toBe('rate(a[5m])');
});

test('what is not valid has no tree', () => {
  expect(treeOf('sum(')).toBeUndefined();
  expect(treeOf('')).toBeUndefined();
});
