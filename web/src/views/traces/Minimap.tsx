import { useCallback, useEffect, useRef, useState } from 'react';
import { meaning } from '~/chart/palette';
import { useScheme } from '~/chart/TimeChart';
import { duration } from '~/format/number';
import { clamp, pan, ruler, zoom, type View } from '~/timeline/view';
import { kindColour } from './kinds';
import { traces as messages } from './messages';
import type { Tree } from './tree';
import classes from './waterfall.module.css';

const height = 64;

/** The whole trace in little; a part of its time is selected in it. */
export function Minimap({ tree, view, onView }: { tree: Tree; view: View; onView: (v: View) => void }) {
  const t = messages.useT();
  const scheme = useScheme();
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const drag = useRef<{ mode: 'select' | 'move' | 'from' | 'to'; at: number; view: View } | null>(null);
  const [preview, setPreview] = useState<View | null>(null);
  const whole = tree.duration;

  useEffect(() => {
    const el = box.current;
    if (el === null) return;
    const observer = new ResizeObserver(() => setWidth(el.clientWidth));
    observer.observe(el);
    setWidth(el.clientWidth);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    const el = canvas.current;
    const ctx = el?.getContext('2d');
    if (!el || !ctx || width === 0) return;
    const ratio = window.devicePixelRatio || 1;
    el.width = Math.round(width * ratio);
    el.height = Math.round(height * ratio);
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.clearRect(0, 0, width, height);
    const m = meaning[scheme];
    ctx.font = `10px ${getComputedStyle(document.body).fontFamily}`;
    for (const s of ruler({ from: 0, to: whole }, Math.max(2, Math.floor(width / 120)))) {
      const x = (s / whole) * width;
      ctx.fillStyle = m.grid;
      ctx.fillRect(Math.round(x), 0, 1, height);
      ctx.fillStyle = m.axis;
      if (x < width - 40) ctx.fillText(duration(s), x + 3, 9);
    }
    const n = tree.nodes.length;
    const rows = height - 16;
    const thick = Math.max(1, Math.min(5, rows / Math.max(n, 1) - 0.5));
    for (const node of tree.nodes) {
      const y = 13 + (n === 1 ? 0 : (node.index / (n - 1)) * (rows - thick));
      ctx.fillStyle = node.span.status === 'error' ? m.critical : kindColour(node.span.kind, scheme);
      ctx.globalAlpha = node.span.kind === 'other' ? 0.5 : 0.9;
      ctx.fillRect((node.from / whole) * width, y, Math.max(1, ((node.to - node.from) / whole) * width), thick);
    }
    ctx.globalAlpha = 1;
  }, [tree, width, scheme, whole]);

  const time = useCallback((e: { clientX: number }) => {
    const r = box.current?.getBoundingClientRect();
    return Math.min(Math.max((e.clientX - (r?.left ?? 0)) / Math.max(1, r?.width ?? 1), 0), 1) * whole;
  }, [whole]);
  const shown = preview ?? view;
  const full = shown.to - shown.from >= whole * 0.999;
  const move = (e: React.PointerEvent): View | null => {
    const d = drag.current;
    if (d === null) return null;
    const at = time(e);
    if (d.mode === 'select') return { from: Math.min(d.at, at), to: Math.max(d.at, at) };
    if (d.mode === 'move') return pan(d.view, at - d.at, whole);
    if (d.mode === 'from') return { from: Math.min(at, d.view.to - whole * 1e-4), to: d.view.to };
    return { from: d.view.from, to: Math.max(at, d.view.from + whole * 1e-4) };
  };
  const onKeyDown = (e: React.KeyboardEvent) => {
    const step = (view.to - view.from) * (e.shiftKey ? 0.5 : 0.1);
    const centre = (view.from + view.to) / 2;
    switch (e.key) {
      case 'ArrowLeft': onView(pan(view, -step, whole)); break;
      case 'ArrowRight': onView(pan(view, step, whole)); break;
      case '+': case '=': onView(zoom(view, 0.6, centre, whole)); break;
      case '-': onView(zoom(view, 1 / 0.6, centre, whole)); break;
      case '0': onView({ from: 0, to: whole }); break;
      default: return;
    }
    e.preventDefault();
  };
  return (
    <div
      ref={box} className={classes.minimap} style={{ height }} tabIndex={0} role="img" aria-label={t('minimap')} onKeyDown={onKeyDown}
      onPointerDown={(e) => {
        if (e.button !== 0) return;
        e.currentTarget.setPointerCapture(e.pointerId);
        const at = time(e);
        const near = (6 / Math.max(1, width)) * whole;
        const mode = full ? 'select' : Math.abs(at - view.from) < near ? 'from' : Math.abs(at - view.to) < near ? 'to' : at > view.from && at < view.to ? 'move' : 'select';
        drag.current = { mode, at, view };
      }}
      onPointerMove={(e) => setPreview(move(e))}
      onPointerUp={(e) => {
        const v = move(e);
        drag.current = null;
        setPreview(null);
        if (v !== null && (v.to - v.from) / whole > 0.003) onView(clamp(v, whole));
      }}
      onDoubleClick={() => onView({ from: 0, to: whole })}
    >
      <canvas ref={canvas} className={classes.canvas} aria-hidden="true" />
      {!full && (
        <>
          <div className={classes.shade} style={{ left: 0, width: `${(shown.from / whole) * 100}%` }} />
          <div className={classes.shade} style={{ right: 0, width: `${(1 - shown.to / whole) * 100}%` }} />
          <div className={classes.handle} style={{ left: `${(shown.from / whole) * 100}%` }} />
          <div className={classes.handle} style={{ left: `${(shown.to / whole) * 100}%` }} />
        </>
      )}
    </div>
  );
}
