// The stream of a call on a canvas: one layer for what stands still, one over it
// for the cursor and the playhead.

import { ActionIcon, Group, Tooltip } from '@mantine/core';
import { IconZoomIn, IconZoomOut, IconZoomReset } from '@tabler/icons-react';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useScheme } from '~/chart/TimeChart';
import { count, duration, short } from '~/format/number';
import { useLanguage } from '~/i18n';
import { ink } from './colours';
import { curveOf, drawOver, drawStream, lanes, toTime, type Frame } from './draw';
import { timeline } from './messages';
import type { StreamModel } from './model';
import type { PhaseName, Segment } from './phases';
import { replayKey, type Replay } from './replay';
import { upperBound } from './stats';
import classes from './timeline.module.css';
import { clamp, pan, zoom, type View } from './view';

export function usePhaseName(): (p: PhaseName) => string {
  const t = timeline.useT();
  return useCallback((p: PhaseName) => (p === 'stalls' ? t('stalls_phase') : t(p)), [t]);
}

export interface TimelineChartProps {
  model: StreamModel;
  segments: readonly Segment[];
  /** Length of the axis, seconds. */
  whole: number;
  view: View;
  onView: (v: View) => void;
  replay: Replay;
  label: string;
}

interface Pointer {
  x: number;
  from?: number;
}

/** Without chunks there is only the band of the phases: what would be above it is cut off. */
function cutOf(m: StreamModel): number {
  return m.missing === undefined ? 0 : lanes.phasesTop - 10;
}

function canvasOf(el: HTMLCanvasElement | null, width: number, cut: number): CanvasRenderingContext2D | null {
  const ctx = el?.getContext('2d') ?? null;
  if (el === null || ctx === null) return null;
  const ratio = window.devicePixelRatio || 1;
  const w = Math.round(width * ratio);
  const h = Math.round((lanes.height - cut) * ratio);
  if (el.width !== w || el.height !== h) {
    el.width = w;
    el.height = h;
  }
  ctx.setTransform(ratio, 0, 0, ratio, 0, -cut * ratio);
  return ctx;
}

export function TimelineChart({ model, segments, whole, view, onView, replay, label }: TimelineChartProps) {
  const t = timeline.useT();
  const phaseName = usePhaseName();
  const scheme = useScheme();
  const language = useLanguage();
  const cut = cutOf(model);
  const box = useRef<HTMLDivElement>(null);
  const base = useRef<HTMLCanvasElement>(null);
  const over = useRef<HTMLCanvasElement>(null);
  const pointer = useRef<Pointer | null>(null);
  const [width, setWidth] = useState(0);
  const [hover, setHover] = useState<number | null>(null);

  useEffect(() => {
    const el = box.current;
    if (el === null) return;
    const observer = new ResizeObserver(() => setWidth(el.clientWidth));
    observer.observe(el);
    setWidth(el.clientWidth);
    return () => observer.disconnect();
  }, []);

  const frame = useMemo<Frame>(
    () => ({ width, view, scheme, ink: ink(scheme), font: `11px ${typeof document === 'undefined' ? 'sans-serif' : getComputedStyle(document.body).fontFamily}`, words: { stall: t('stall'), ttft: 'TTFT', phase: phaseName, unit: t(model.tokensPerByte === undefined ? 'byteUnit' : 'tokenUnit') } }),
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [width, view, scheme, language, model],
  );
  const curve = useMemo(() => curveOf(model, view, Math.max(2, Math.min(600, Math.floor(width / 2)))), [model, view, width]);

  useEffect(() => {
    const ctx = canvasOf(base.current, width, cut);
    if (ctx !== null && width > 0) drawStream(ctx, frame, model, segments, curve);
  }, [frame, model, segments, curve, width, cut]);

  const overlay = useCallback(() => {
    const ctx = canvasOf(over.current, width, cut);
    if (ctx === null || width === 0) return;
    const p = pointer.current;
    drawOver(ctx, frame, { cursor: p?.x, select: p?.from === undefined || Math.abs(p.x - p.from) < 4 ? undefined : [p.from, p.x], play: replay.playing || replay.time < replay.duration ? replay.time : undefined });
  }, [frame, width, replay, cut]);
  useEffect(() => {
    overlay();
    return replay.subscribe(overlay);
  }, [overlay, replay]);

  useWheel(box, { view, whole, onView, frame });
  const inside = (e: React.PointerEvent) => Math.min(Math.max(e.clientX - (box.current?.getBoundingClientRect().left ?? 0), lanes.left), width - lanes.right);
  const centre = () => (replay.time > view.from && replay.time < view.to ? replay.time : (view.from + view.to) / 2);
  const onKeyDown = (e: React.KeyboardEvent) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === '+' || e.key === '=') onView(zoom(view, 0.6, centre(), whole));
    else if (e.key === '-') onView(zoom(view, 1 / 0.6, centre(), whole));
    else if (e.key === '0') onView({ from: 0, to: whole });
    else if (replayKey(replay, e)) {
      const at = replay.time;
      if (at < view.from || at > view.to) onView(pan(view, at - (view.from + view.to) / 2, whole));
    } else return;
    e.preventDefault();
  };
  return (
    <div className={classes.chartBox}>
      <ZoomButtons view={view} whole={whole} onView={onView} centre={centre} />
      <div
        ref={box}
        className={classes.chart}
        style={{ height: lanes.height - cut }}
        tabIndex={0}
        role="img"
        aria-label={label}
        aria-keyshortcuts="Space ArrowLeft ArrowRight + - 0"
        onKeyDown={onKeyDown}
        onPointerDown={(e) => {
          if (e.button !== 0) return;
          e.currentTarget.setPointerCapture(e.pointerId);
          const x = inside(e);
          pointer.current = { x, from: x };
        }}
        onPointerMove={(e) => {
          const x = inside(e);
          pointer.current = { x, from: pointer.current?.from };
          setHover(x);
          overlay();
        }}
        onPointerUp={(e) => {
          const p = pointer.current;
          pointer.current = { x: inside(e) };
          if (p?.from !== undefined) {
            if (Math.abs(p.x - p.from) < 4) replay.seek(Math.min(toTime(frame, p.x), replay.duration));
            else onView(clamp({ from: toTime(frame, Math.min(p.x, p.from)), to: toTime(frame, Math.max(p.x, p.from)) }, whole));
          }
          overlay();
        }}
        onPointerLeave={() => {
          pointer.current = null;
          setHover(null);
          overlay();
        }}
        onDoubleClick={() => onView({ from: 0, to: whole })}
      >
        <canvas ref={base} className={classes.layer} aria-hidden="true" />
        <canvas ref={over} className={classes.layer} aria-hidden="true" />
      </div>
      {hover !== null && width > 0 && <Readout model={model} segments={segments} frame={frame} x={hover} curve={curve} />}
    </div>
  );
}

function ZoomButtons({ view, whole, onView, centre }: { view: View; whole: number; onView: (v: View) => void; centre: () => number }) {
  const t = timeline.useT();
  const zoomed = view.to - view.from < whole * 0.999;
  return (
    <Group gap={2} className={classes.zoom}>
      <Tooltip label={t('zoomIn')}><ActionIcon size="xs" variant="subtle" color="gray" aria-label={t('zoomIn')} onClick={() => onView(zoom(view, 0.6, centre(), whole))}><IconZoomIn size={14} /></ActionIcon></Tooltip>
      <Tooltip label={t('zoomOut')}><ActionIcon size="xs" variant="subtle" color="gray" aria-label={t('zoomOut')} disabled={!zoomed} onClick={() => onView(zoom(view, 1 / 0.6, centre(), whole))}><IconZoomOut size={14} /></ActionIcon></Tooltip>
      <Tooltip label={t('zoomAll')}><ActionIcon size="xs" variant="subtle" color="gray" aria-label={t('zoomAll')} disabled={!zoomed} onClick={() => onView({ from: 0, to: whole })}><IconZoomReset size={14} /></ActionIcon></Tooltip>
    </Group>
  );
}

/** A listener of its own: React's are passive, and the page would scroll with it. */
function useWheel(box: React.RefObject<HTMLDivElement | null>, now: { view: View; whole: number; onView: (v: View) => void; frame: Frame }): void {
  const latest = useRef(now);
  latest.current = now;
  useEffect(() => {
    const el = box.current;
    if (el === null) return;
    const wheel = (e: WheelEvent) => {
      const { view, whole, onView, frame } = latest.current;
      const x = e.clientX - el.getBoundingClientRect().left;
      const sideways = Math.abs(e.deltaX) > Math.abs(e.deltaY);
      if (sideways && view.to - view.from < whole) onView(pan(view, (e.deltaX / Math.max(1, frame.width)) * (view.to - view.from), whole));
      else if (!sideways && (e.ctrlKey || e.metaKey || document.activeElement === el)) onView(zoom(view, Math.exp(e.deltaY * 0.002), toTime(frame, x), whole));
      else return;
      e.preventDefault();
    };
    el.addEventListener('wheel', wheel, { passive: false });
    return () => el.removeEventListener('wheel', wheel);
  }, [box]);
}

/** What lies under the cursor. */
function Readout({ model, segments, frame, x, curve }: { model: StreamModel; segments: readonly Segment[]; frame: Frame; x: number; curve: ReturnType<typeof curveOf> }) {
  const t = timeline.useT();
  const phaseName = usePhaseName();
  const at = toTime(frame, x);
  const i = upperBound(model.ticks.at, at + (frame.view.to - frame.view.from) / frame.width) - 1;
  const tickAt = model.ticks.at[i];
  const near = tickAt !== undefined && Math.abs(tickAt - at) < ((frame.view.to - frame.view.from) / frame.width) * 6;
  const previous = i > 0 ? model.ticks.at[i - 1] : undefined;
  const value = curve.values[Math.round((at - curve.from) / curve.step)];
  const segment = segments.find((s) => at >= s.from && at <= s.to);
  const bytes = model.ticks.bytes[i] ?? 0;
  return (
    <div className={classes.readout} style={x > frame.width / 2 ? { right: frame.width - x + 12 } : { left: x + 12 }}>
      <div className={classes.readoutTime}>{duration(at)}</div>
      {near && tickAt !== undefined && (
        <div>{t('chunk', { n: count(i + 1) })} · {bytes > 0 ? `${count(bytes)} B` : t('noContent')}{previous !== undefined && <> · {t('gap', { d: duration(Math.max(0, tickAt - previous)) })}</>}</div>
      )}
      {value !== undefined && !Number.isNaN(value) && <div>{t('speed')}: <b>{short(value)}</b> {frame.words.unit}</div>}
      {segment !== undefined && <div>{[segment.phase, ...(segment.or ?? [])].map(phaseName).join(` ${t('or')} `)}</div>}
    </div>
  );
}
