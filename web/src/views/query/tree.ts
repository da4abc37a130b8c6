// The parts of an expression as a tree. Each keeps its own text, so that it can be
// evaluated by itself.

import { parser } from '@prometheus-io/lezer-promql';
import type { SyntaxNode } from '@lezer/common';

export interface ExprNode {
  /** What it does, in a few characters: sum by (model), rate, /. */
  head: string;
  text: string;
  from: number;
  to: number;
  /** A range vector has to be made an instant one to count its series. */
  range: boolean;
  /** A number, a text, a duration: nothing to evaluate. */
  literal: boolean;
  children: ExprNode[];
}

const expressions = new Set(['AggregateExpr', 'BinaryExpr', 'FunctionCall', 'MatrixSelector', 'VectorSelector', 'SubqueryExpr', 'UnaryExpr', 'OffsetExpr', 'StepInvariantExpr', 'NumberDurationLiteral', 'StringLiteral', 'ParenExpr', 'AnchoredExpr', 'SmoothedExpr']);
const ranges = new Set(['MatrixSelector', 'SubqueryExpr']);
/** These are part of their parent's head, not expressions of their own. */
const parts = new Set(['LabelMatchers', 'GroupingLabels', 'AggregateModifier', 'MatchingModifierClause', 'BoolModifier', 'DurationExpr', 'OffsetDurationExpr', 'NumberDurationLiteralInDurationContext', 'FillModifier']);

function below(node: SyntaxNode): SyntaxNode[] {
  const out: SyntaxNode[] = [];
  for (let c = node.firstChild; c !== null; c = c.nextSibling) {
    if (expressions.has(c.name)) out.push(c);
    else if (!parts.has(c.name)) out.push(...below(c));
  }
  return out;
}

function bare(node: SyntaxNode): SyntaxNode {
  let n = node;
  while (n.name === 'ParenExpr') {
    const [only] = below(n);
    if (only === undefined) break;
    n = only;
  }
  return n;
}

/** The text of a node without that of its children. */
function headOf(node: SyntaxNode, children: SyntaxNode[], text: string): string {
  const whole = text.slice(node.from, node.to);
  switch (node.name) {
    case 'BinaryExpr': {
      const [a, b] = children;
      return a !== undefined && b !== undefined ? text.slice(a.to, b.from).trim() : whole;
    }
    case 'AggregateExpr': {
      const op = node.getChild('AggregateOp');
      const by = node.getChild('AggregateModifier');
      return [op, by].filter((n) => n !== null).map((n) => text.slice(n.from, n.to)).join(' ');
    }
    case 'FunctionCall': return text.slice(node.from, node.firstChild?.to ?? node.to);
    case 'UnaryExpr': return text.slice(node.from, children[0]?.from ?? node.to).trim();
    case 'SubqueryExpr': case 'OffsetExpr': case 'StepInvariantExpr': case 'AnchoredExpr': case 'SmoothedExpr':
      return children[0] === undefined ? whole : text.slice(children[0].to, node.to).trim();
    default: return whole;
  }
}

function build(raw: SyntaxNode, text: string): ExprNode {
  const node = bare(raw);
  // A range of a selector is one thing with it.
  const children = node.name === 'MatrixSelector' ? [] : below(node);
  const offset = (node.name === 'OffsetExpr' || node.name === 'StepInvariantExpr') && children[0] !== undefined && ranges.has(bare(children[0]).name);
  return {
    head: headOf(node, children, text).replace(/\s+/g, ' '),
    text: text.slice(node.from, node.to),
    from: node.from,
    to: node.to,
    range: ranges.has(node.name) || offset,
    literal: node.name === 'NumberDurationLiteral' || node.name === 'StringLiteral',
    children: children.map((c) => build(c, text)),
  };
}

/** The tree of an expression; undefined where it is not valid. */
export function treeOf(text: string): ExprNode | undefined {
  const tree = parser.parse(text);
  let bad = false;
  tree.iterate({ enter: (n) => { if (n.type.isError) bad = true; } });
  if (bad) return undefined;
  const [first] = below(tree.topNode);
  return first === undefined ? undefined : build(first, text);
}

/** How to evaluate a node by itself. */
export function evaluable(n: ExprNode): string {
  return n.range ? `last_over_time(${n.text})` : n.text;
}
