// How one goes through the tree of a trace: by keys, and to a span that is asked for.

import { useEffect, useRef } from 'react';
import { pan, zoom } from '~/timeline/view';
import { ancestors, type Node, type Row } from './tree';
import type { WaterfallProps } from './Waterfall';

interface Place {
  /** Of each span in sight: its row. */
  place: ReadonlyMap<string, number>;
  ready: boolean;
  show: (id: string, row: number) => void;
}

/** Goes to p.target once; it may lie below collapsed spans, which are opened first. */
export function useTarget(p: WaterfallProps, { place, ready, show }: Place): void {
  const wished = useRef(0);
  const { target, tree, collapsed, onCollapsed, view, onView } = p;
  useEffect(() => {
    if (target === undefined || target.wish === wished.current || !ready) return;
    const index = tree.byId.get(target.id);
    if (index === undefined) return;
    const closed = ancestors(tree, index).map((i) => tree.nodes[i]?.span.span_id ?? '').filter((id) => collapsed.has(id));
    if (closed.length > 0) {
      const next = new Set(collapsed);
      for (const id of closed) next.delete(id);
      onCollapsed(next);
      return;
    }
    wished.current = target.wish;
    const row = place.get(target.id);
    if (row !== undefined) show(target.id, row);
    const node = tree.nodes[index];
    if (node !== undefined && (node.to < view.from || node.from > view.to)) onView(pan(view, (node.from + node.to) / 2 - (view.from + view.to) / 2, tree.duration));
  }, [target, tree, collapsed, onCollapsed, place, show, view, onView, ready]);
}

interface Tools {
  rows: readonly Row[];
  /** The span that keys are about. */
  current: string | undefined;
  toggle: (node: Node) => void;
  go: (id: string) => void;
}

/** The keys of a tree grid, as WAI-ARIA has them, and those of the time axis. */
export function treeKeys(p: WaterfallProps, { rows, current, toggle, go }: Tools): (e: React.KeyboardEvent) => void {
  const { tree, view, onView, collapsed, selected, onSelect } = p;
  const to = (id: string) => {
    go(id);
    // Where the panel is open, it follows.
    if (selected !== undefined) onSelect(id);
  };
  const move = (by: number) => {
    const spans = rows.flatMap((r) => (r.type === 'span' ? [r.node.span.span_id] : []));
    const at = current === undefined ? -1 : spans.indexOf(current);
    const id = spans[Math.min(Math.max(at + by, 0), spans.length - 1)];
    if (id !== undefined) to(id);
  };
  const node = tree.nodes[tree.byId.get(current ?? '') ?? -1];
  const right = () => {
    if (node === undefined) return;
    if (collapsed.has(node.span.span_id)) toggle(node);
    else if (node.children.length > 0) move(1);
  };
  const left = () => {
    if (node === undefined) return;
    const parent = tree.nodes[node.parent];
    if (node.children.length > 0 && !collapsed.has(node.span.span_id)) toggle(node);
    else if (parent !== undefined) to(parent.span.span_id);
  };
  const about = node === undefined ? (view.from + view.to) / 2 : Math.min(Math.max((node.from + node.to) / 2, view.from), view.to);
  const press = (key: string): boolean => {
    switch (key) {
      case 'ArrowDown': case 'j': move(1); return true;
      case 'ArrowUp': case 'k': move(-1); return true;
      case 'PageDown': move(15); return true;
      case 'PageUp': move(-15); return true;
      case 'Home': move(-rows.length); return true;
      case 'End': move(rows.length); return true;
      case 'ArrowRight': right(); return true;
      case 'ArrowLeft': left(); return true;
      case 'Enter': case ' ': if (current !== undefined) onSelect(current); return true;
      case 'Escape': if (selected === undefined) return false; onSelect(null); return true;
      case '+': case '=': onView(zoom(view, 0.6, about, tree.duration)); return true;
      case '-': onView(zoom(view, 1 / 0.6, about, tree.duration)); return true;
      case '0': onView({ from: 0, to: tree.duration }); return true;
      case 'n': p.onMatch(1); return true;
      case 'N': p.onMatch(-1); return true;
      default: return false;
    }
  };
  return (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (press(e.key)) e.preventDefault();
  };
}
