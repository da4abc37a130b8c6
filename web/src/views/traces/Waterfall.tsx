// The spans of a trace over time. Only the rows in sight are in the page.

import { useMediaQuery } from '@mantine/hooks';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useScheme } from '~/chart/TimeChart';
import { duration } from '~/format/number';
import { useLanguage } from '~/i18n';
import { common } from '~/i18n/common';
import type { Ticks } from '~/timeline/decode';
import { clamp, pan, ruler, zoom, type View } from '~/timeline/view';
import type { Critical } from './critical';
import { kinds } from './kinds';
import { traces as messages } from './messages';
import { LogRow, rowHeight, rowId, SpanRow, type RowWords, type Shape } from './Row';
import { visibleRows, type LogLine, type Node, type Tree } from './tree';
import { treeKeys, useTarget } from './treeKeys';
import classes from './waterfall.module.css';

export interface WaterfallProps {
  tree: Tree;
  start: number;
  view: View;
  onView: (v: View) => void;
  collapsed: ReadonlySet<string>;
  onCollapsed: (c: ReadonlySet<string>) => void;
  logs: readonly LogLine[];
  ticks: ReadonlyMap<string, Ticks>;
  critical?: Critical;
  matches: ReadonlySet<string>;
  selected?: string;
  onSelect: (id: string | null) => void;
  onLog: (log: LogLine) => void;
  onMatch: (by: 1 | -1) => void;
  /** Where to go, with a number that is new at each wish. */
  target?: { id: string; wish: number };
}

const storedWidth = 'pitot.traces.nameWidth';

function savedWidth(): number | undefined {
  const n = typeof window === 'undefined' ? Number.NaN : Number(window.localStorage.getItem(storedWidth));
  return n >= 80 && n <= 1000 ? n : undefined;
}

export function Waterfall(p: WaterfallProps) {
  const t = messages.useT();
  const scheme = useScheme();
  const words = useWords();
  const phone = useMediaQuery('(max-width: 48em)') ?? false;
  const scroller = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [chosenWidth, setChosenWidth] = useState(savedWidth);
  const [active, setActive] = useState<string>();
  const { tree, view, onView, collapsed, onCollapsed, onSelect, selected } = p;

  useEffect(() => {
    const el = scroller.current;
    if (el === null) return;
    const observer = new ResizeObserver(() => setWidth(el.clientWidth));
    observer.observe(el);
    setWidth(el.clientWidth);
    return () => observer.disconnect();
  }, []);

  const shape = useMemo<Shape>(() => {
    const sumsWidth = width >= 700 ? 176 : 0;
    const nameWidth = Math.round(Math.min(chosenWidth ?? (phone ? width * 0.5 : Math.min(380, width * 0.34)), width - sumsWidth - 100));
    return { nameWidth: Math.max(80, nameWidth), sumsWidth, laneWidth: Math.max(20, width - Math.max(80, nameWidth) - sumsWidth) };
  }, [width, chosenWidth, phone]);

  const rows = useMemo(() => visibleRows(tree, collapsed, p.logs), [tree, collapsed, p.logs]);
  const place = useMemo(() => {
    const m = new Map<string, number>();
    rows.forEach((r, i) => { if (r.type === 'span') m.set(r.node.span.span_id, i); });
    return m;
  }, [rows]);
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => rowHeight, overscan: 14, useFlushSync: false });

  const toggle = useCallback((node: Node) => {
    const next = new Set(collapsed);
    if (!next.delete(node.span.span_id)) next.add(node.span.span_id);
    onCollapsed(next);
  }, [collapsed, onCollapsed]);
  const open = useCallback((node: Node) => {
    setActive(node.span.span_id);
    onSelect(node.span.span_id);
  }, [onSelect]);

  const current = active !== undefined && place.has(active) ? active : selected !== undefined && place.has(selected) ? selected : undefined;
  const go = useCallback((id: string) => {
    setActive(id);
    const i = place.get(id);
    if (i !== undefined) virtual.scrollToIndex(i, { align: 'auto' });
  }, [place, virtual]);

  useTarget(p, { place, ready: width > 0, show: (id, i) => { setActive(id); virtual.scrollToIndex(i, { align: 'center' }); } });
  const onKeyDown = treeKeys(p, { rows, current, toggle, go });
  useWheelZoom(scroller, shape, view, tree.duration, onView);

  return (
    <div className={classes.frame}>
      <Head shape={shape} view={view} whole={tree.duration} onView={onView} onWidth={(w) => { setChosenWidth(w); window.localStorage.setItem(storedWidth, String(w)); }} scrollbar={width === 0 ? 0 : (scroller.current?.offsetWidth ?? width) - width} />
      <div ref={scroller} className={classes.scroller} style={{ height: Math.min(rows.length * rowHeight + 2, 100_000), maxHeight: 'max(300px, calc(100dvh - 300px))' }} role="treegrid" aria-label={t('spanTree')} aria-rowcount={rows.length} aria-activedescendant={current === undefined ? undefined : rowId(current)} tabIndex={0} onKeyDown={onKeyDown}>
        <div role="rowgroup" className={classes.body} style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((v) => {
            const row = rows[v.index];
            if (row === undefined) return null;
            if (row.type === 'log') return <LogRow key={row.key} log={row.log} depth={row.depth} top={v.start} shape={shape} view={view} onOpen={p.onLog} />;
            const { node } = row;
            const id = node.span.span_id;
            return (
              <SpanRow
                key={id} node={node} top={v.start} shape={shape} view={view} scheme={scheme} words={words} start={p.start}
                collapsed={collapsed.has(id)} selected={selected === id} active={current === id} match={p.matches.has(id)}
                missingParent={node.parent < 0 && node.span.parent_span_id !== undefined} ticks={node.span.call === undefined ? undefined : p.ticks.get(node.span.call.id)} critical={p.critical?.sections.get(node.index)}
                onToggle={toggle} onSelect={open}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}

function useWords(): RowWords {
  const t = messages.useT();
  const c = common.useT();
  const language = useLanguage();
  return useMemo(
    () => ({
      kinds: Object.fromEntries(kinds.map((k) => [k, t(`kind-${k}`)])) as RowWords['kinds'], container: t('container'), containerHint: t('containerHint'), missingParent: t('missingParent'), missingParentHint: t('missingParentHint'), subtree: t('subtree'), error: c('error'),
    }),
    // The texts change with the language, not with each rendering.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [language],
  );
}

function useWheelZoom(ref: React.RefObject<HTMLDivElement | null>, shape: Shape, view: View, whole: number, onView: (v: View) => void): void {
  const latest = useRef({ shape, view, whole, onView });
  latest.current = { shape, view, whole, onView };
  useEffect(() => {
    const el = ref.current;
    if (el === null) return;
    const wheel = (e: WheelEvent) => {
      const now = latest.current;
      const x = e.clientX - el.getBoundingClientRect().left - now.shape.nameWidth - now.shape.sumsWidth;
      if (x < 0) return;
      if (e.ctrlKey || e.metaKey) now.onView(zoom(now.view, Math.exp(e.deltaY * 0.002), now.view.from + (x / now.shape.laneWidth) * (now.view.to - now.view.from), now.whole));
      else if (Math.abs(e.deltaX) > Math.abs(e.deltaY)) now.onView(pan(now.view, (e.deltaX / now.shape.laneWidth) * (now.view.to - now.view.from), now.whole));
      else return;
      e.preventDefault();
    };
    el.addEventListener('wheel', wheel, { passive: false });
    return () => el.removeEventListener('wheel', wheel);
  }, [ref]);
}

/** The titles of the columns and the ruler; a part of the ruler can be selected. */
function Head({ shape, view, whole, onView, onWidth, scrollbar }: { shape: Shape; view: View; whole: number; onView: (v: View) => void; onWidth: (w: number) => void; scrollbar: number }) {
  const t = messages.useT();
  const c = common.useT();
  const [select, setSelect] = useState<[number, number] | null>(null);
  const resizing = useRef<{ x: number; width: number } | null>(null);
  const at = (e: React.PointerEvent) => Math.min(Math.max(e.clientX - e.currentTarget.getBoundingClientRect().left, 0), shape.laneWidth);
  const time = (x: number) => view.from + (x / shape.laneWidth) * (view.to - view.from);
  return (
    <div className={classes.head} style={{ paddingRight: scrollbar, scrollbarGutter: 'auto' }}>
      <div className={classes.headName} style={{ width: shape.nameWidth }}>
        {c('name')}
        <div
          className={classes.resize} role="separator" aria-orientation="vertical" aria-label={t('nameWidth')} aria-valuenow={shape.nameWidth} tabIndex={0}
          onPointerDown={(e) => { e.currentTarget.setPointerCapture(e.pointerId); resizing.current = { x: e.clientX, width: shape.nameWidth }; }}
          onPointerMove={(e) => { if (resizing.current !== null) onWidth(Math.max(80, resizing.current.width + e.clientX - resizing.current.x)); }}
          onPointerUp={() => { resizing.current = null; }}
          onKeyDown={(e) => {
            if (e.key !== 'ArrowLeft' && e.key !== 'ArrowRight') return;
            e.preventDefault();
            onWidth(Math.max(80, shape.nameWidth + (e.key === 'ArrowLeft' ? -20 : 20)));
          }}
        />
      </div>
      {shape.sumsWidth > 0 && <div className={classes.sums} style={{ width: shape.sumsWidth }}><b>{c('cost')}</b><b style={{ minWidth: 84, textAlign: 'right' }}>{c('tokens')}</b></div>}
      <div
        className={classes.ruler}
        onPointerDown={(e) => { if (e.button === 0) { e.currentTarget.setPointerCapture(e.pointerId); setSelect([at(e), at(e)]); } }}
        onPointerMove={(e) => { if (select !== null) setSelect([select[0], at(e)]); }}
        onPointerUp={() => {
          if (select !== null && Math.abs(select[1] - select[0]) > 4) onView(clamp({ from: time(Math.min(...select)), to: time(Math.max(...select)) }, whole));
          setSelect(null);
        }}
        onDoubleClick={() => onView({ from: 0, to: whole })}
      >
        {ruler(view, Math.max(2, Math.floor(shape.laneWidth / 90))).map((s) => {
          const x = ((s - view.from) / (view.to - view.from)) * shape.laneWidth;
          return <span key={s} className={classes.mark} style={{ left: x }}>{x < shape.laneWidth - 36 ? duration(s) : ''}</span>;
        })}
        {select !== null && <div className={classes.selecting} style={{ left: Math.min(...select), width: Math.abs(select[1] - select[0]) }} />}
      </div>
    </div>
  );
}
