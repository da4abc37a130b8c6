// Points on a canvas: ten thousand are drawn in a few milliseconds. The pointer
// finds the nearest point, a click opens it, a drag marks a region. With the
// keyboard the arrows go from point to point, Enter opens.

import { useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { meaning } from '~/chart/palette';
import { useScheme } from '~/chart/TimeChart';
import { format, type Unit } from '~/format/number';
import { clock, dateTime } from '~/format/time';
import { useSettings } from '~/state/settings';
import { place, ticks, timeTicks, valueAt, type Region, type Scale } from './scale';
import classes from './scatter.module.css';

export interface Points {
  time: readonly number[];
  value: readonly (number | null)[];
  /** The colour of each point, by its place in `colours`; -1 hides it. */
  group: readonly number[];
  colours: readonly string[];
  /** Points that are drawn as a cross. */
  cross: readonly boolean[];
}

export interface ScatterCanvasProps {
  points: Points;
  from: number;
  to: number;
  scale: Scale;
  unit: Unit;
  height: number;
  label: string;
  region?: Region;
  onRegion: (r: Region | undefined) => void;
  onOpen: (index: number) => void;
  /** The point that is open beside the plot. */
  open?: number;
  tip: (index: number) => ReactNode;
}

const margin = { left: 58, right: 24, top: 10, bottom: 24 };

interface Drag { x0: number; y0: number; x1: number; y1: number }

export function ScatterCanvas(props: ScatterCanvasProps) {
  const { points, from, to, scale, unit, height, label, region, onRegion, onOpen, open, tip } = props;
  const host = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(600);
  const [hover, setHover] = useState(-1);
  const [drag, setDrag] = useState<Drag | null>(null);
  const scheme = useScheme();
  const { zone } = useSettings();
  useEffect(() => {
    const el = host.current;
    if (el === null) return;
    const observer = new ResizeObserver(() => setWidth(Math.max(200, el.clientWidth)));
    observer.observe(el);
    return () => observer.disconnect();
  }, []);
  const w = width - margin.left - margin.right;
  const h = height - margin.top - margin.bottom;
  const xy = useMemo(() => {
    const x = new Float32Array(points.time.length);
    const y = new Float32Array(points.time.length);
    points.time.forEach((t, i) => {
      const v = points.value[i];
      const inside = t >= from && t <= to && typeof v === 'number' && (points.group[i] ?? -1) >= 0;
      x[i] = inside ? margin.left + ((t - from) / (to - from)) * w : NaN;
      y[i] = inside ? margin.top + (1 - place(scale, v)) * h : NaN;
    });
    return { x, y };
  }, [points, from, to, scale, w, h]);

  useEffect(() => {
    const el = canvas.current;
    const ctx = el?.getContext('2d');
    if (!el || !ctx) return;
    const ratio = window.devicePixelRatio || 1;
    el.width = width * ratio;
    el.height = height * ratio;
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.clearRect(0, 0, width, height);
    drawAxes(ctx, { w, h, from, to, scale, unit, zone, colours: meaning[scheme] });
    drawPoints(ctx, points, xy, scheme === 'dark' ? 0.75 : 0.6);
  }, [points, xy, width, height, from, to, scale, unit, zone, scheme, w, h]);

  const nearest = (px: number, py: number): number => {
    let best = -1;
    let distance = 14 * 14;
    for (let i = 0; i < xy.x.length; i++) {
      const d = ((xy.x[i] ?? NaN) - px) ** 2 + ((xy.y[i] ?? NaN) - py) ** 2;
      if (d < distance) {
        distance = d;
        best = i;
      }
    }
    return best;
  };
  const at = (e: React.PointerEvent) => {
    const r = e.currentTarget.getBoundingClientRect();
    return { px: e.clientX - r.left, py: e.clientY - r.top };
  };
  const regionOf = (d: Drag): Region => {
    const clampX = (x: number) => Math.min(Math.max(x, margin.left), margin.left + w);
    const clampY = (y: number) => Math.min(Math.max(y, margin.top), margin.top + h);
    const [xa, xb] = [clampX(Math.min(d.x0, d.x1)), clampX(Math.max(d.x0, d.x1))];
    const [ya, yb] = [clampY(Math.min(d.y0, d.y1)), clampY(Math.max(d.y0, d.y1))];
    const time = (x: number) => from + ((x - margin.left) / w) * (to - from);
    const value = (y: number) => valueAt(scale, 1 - (y - margin.top) / h);
    return { from: time(xa), to: time(xb), low: yb >= margin.top + h - 1 ? 0 : value(yb), high: value(ya) };
  };
  const onPointerDown = (e: React.PointerEvent) => {
    if (e.button !== 0) return;
    const { px, py } = at(e);
    e.currentTarget.setPointerCapture(e.pointerId);
    setDrag({ x0: px, y0: py, x1: px, y1: py });
  };
  const onPointerMove = (e: React.PointerEvent) => {
    const { px, py } = at(e);
    if (drag !== null) setDrag({ ...drag, x1: px, y1: py });
    else setHover(nearest(px, py));
  };
  const onPointerUp = (e: React.PointerEvent) => {
    if (drag === null) return;
    const { px, py } = at(e);
    setDrag(null);
    if (Math.hypot(px - drag.x0, py - drag.y0) > 6) {
      onRegion(regionOf({ ...drag, x1: px, y1: py }));
      return;
    }
    const i = nearest(px, py);
    if (i >= 0) onOpen(i);
  };
  const onKeyDown = (e: React.KeyboardEvent) => {
    const step = e.key === 'ArrowRight' || e.key === 'ArrowDown' ? 1 : e.key === 'ArrowLeft' || e.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0) {
      let i = hover + step;
      while (i >= 0 && i < xy.x.length && Number.isNaN(xy.x[i])) i += step;
      if (i >= 0 && i < xy.x.length) setHover(i);
    } else if (e.key === 'Enter' && hover >= 0) onOpen(hover);
    else if (e.key === 'Escape' && (region !== undefined || drag !== null)) {
      setDrag(null);
      onRegion(undefined);
    } else return;
    e.preventDefault();
    e.stopPropagation();
  };

  const marked = drag !== null && Math.hypot(drag.x1 - drag.x0, drag.y1 - drag.y0) > 6 ? regionOf(drag) : region;
  return (
    <div ref={host} className={classes.plot} style={{ height }}>
      <canvas ref={canvas} className={classes.canvas} style={{ width, height }} role="img" aria-label={label} tabIndex={0} onPointerDown={onPointerDown} onPointerMove={onPointerMove} onPointerUp={onPointerUp} onPointerLeave={() => { if (drag === null) setHover(-1); }} onKeyDown={onKeyDown} />
      {marked !== undefined && <Marked r={marked} frame={{ from, to, scale, w, h }} />}
      {[open ?? -1, hover].map((i, k) => (i >= 0 && !Number.isNaN(xy.x[i]) ? <span key={k} className={classes.ring} data-open={k === 0 ? '' : undefined} style={{ left: (xy.x[i] ?? 0) - 6, top: (xy.y[i] ?? 0) - 6 }} /> : null))}
      {hover >= 0 && drag === null && !Number.isNaN(xy.x[hover]) && (
        <div className={classes.tip} role="status" style={{ top: Math.max(0, (xy.y[hover] ?? 0) - 20), ...((xy.x[hover] ?? 0) > width / 2 ? { right: width - (xy.x[hover] ?? 0) + 14 } : { left: (xy.x[hover] ?? 0) + 14 }) }}>{tip(hover)}</div>
      )}
    </div>
  );
}

function Marked({ r, frame: { from, to, scale, w, h } }: { r: Region; frame: { from: number; to: number; scale: Scale; w: number; h: number } }) {
  const clamp = (v: number) => Math.min(1, Math.max(0, v));
  const left = clamp((r.from - from) / (to - from));
  const right = clamp((r.to - from) / (to - from));
  const top = 1 - clamp(place(scale, r.high));
  const bottom = 1 - clamp(place(scale, r.low));
  return <span className={classes.region} style={{ left: margin.left + left * w, width: Math.max(2, (right - left) * w), top: margin.top + top * h, height: Math.max(2, (bottom - top) * h) }} />;
}

interface Frame { w: number; h: number; from: number; to: number; scale: Scale; unit: Unit; zone: 'local' | 'UTC'; colours: { axis: string; grid: string } }

function drawAxes(ctx: CanvasRenderingContext2D, f: Frame): void {
  ctx.font = '11px ' + getComputedStyle(document.body).fontFamily;
  ctx.lineWidth = 1;
  ctx.strokeStyle = f.colours.grid;
  ctx.fillStyle = f.colours.axis;
  ctx.textBaseline = 'middle';
  ctx.textAlign = 'right';
  for (const v of ticks(f.scale, Math.max(3, f.h / 55))) {
    const y = Math.round(margin.top + (1 - place(f.scale, v)) * f.h) + 0.5;
    ctx.beginPath();
    ctx.moveTo(margin.left, y);
    ctx.lineTo(margin.left + f.w, y);
    ctx.stroke();
    ctx.fillText(format(v, f.unit), margin.left - 6, y, margin.left - 8);
  }
  ctx.textAlign = 'center';
  ctx.textBaseline = 'top';
  const offset = f.zone === 'UTC' ? 0 : -new Date(f.to).getTimezoneOffset() * 60_000;
  for (const t of timeTicks(f.from, f.to, Math.max(2, f.w / 100), offset)) {
    const x = Math.round(margin.left + ((t - f.from) / (f.to - f.from)) * f.w) + 0.5;
    ctx.beginPath();
    ctx.moveTo(x, margin.top);
    ctx.lineTo(x, margin.top + f.h);
    ctx.stroke();
    ctx.fillText(tickText(t, f.to - f.from, f.zone), x, margin.top + f.h + 6);
  }
}

function tickText(ms: number, span: number, zone: 'local' | 'UTC'): string {
  if (span <= 10 * 60_000) return clock(ms, zone);
  const text = dateTime(ms, zone);
  return text.slice(11, 16) === '00:00' || span > 4 * 86_400_000 ? text.slice(5, 10) : text.slice(11, 16);
}

/** Colour by colour, so that the canvas changes its pen a few times only. */
function drawPoints(ctx: CanvasRenderingContext2D, p: Points, xy: { x: Float32Array; y: Float32Array }, alpha: number): void {
  const n = xy.x.length;
  const r = n > 6000 ? 1.6 : n > 2000 ? 2 : 2.6;
  ctx.globalAlpha = alpha;
  p.colours.forEach((colour, g) => {
    ctx.fillStyle = colour;
    ctx.beginPath();
    for (let i = 0; i < n; i++) {
      const x = xy.x[i] ?? NaN;
      if (p.group[i] !== g || p.cross[i] === true || Number.isNaN(x)) continue;
      const y = xy.y[i] ?? 0;
      ctx.moveTo(x + r, y);
      ctx.arc(x, y, r, 0, 6.2832);
    }
    ctx.fill();
  });
  // Failed calls last, so that they are seen.
  ctx.globalAlpha = 1;
  ctx.lineWidth = 1.6;
  p.colours.forEach((colour, g) => {
    ctx.strokeStyle = colour;
    ctx.beginPath();
    for (let i = 0; i < n; i++) {
      const x = xy.x[i] ?? NaN;
      if (p.group[i] !== g || p.cross[i] !== true || Number.isNaN(x)) continue;
      const y = xy.y[i] ?? 0;
      ctx.moveTo(x - 3, y - 3);
      ctx.lineTo(x + 3, y + 3);
      ctx.moveTo(x + 3, y - 3);
      ctx.lineTo(x - 3, y + 3);
    }
    ctx.stroke();
  });
}
