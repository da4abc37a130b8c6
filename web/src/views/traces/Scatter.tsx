import { useEffect, useMemo, useRef, useState } from 'react';
import type { TraceSummary } from '~/api/types';
import { meaning } from '~/chart/palette';
import { useScheme } from '~/chart/TimeChart';
import { count, duration } from '~/format/number';
import { clock, compact } from '~/format/time';
import { common } from '~/i18n/common';
import { useSettings } from '~/state/settings';
import { traces as messages } from './messages';
import { nearest, place, scaleOf } from './scatter';
import classes from './traces.module.css';

const height = 132;
const pad = { left: 66, right: 12, top: 8, bottom: 20 };

/** The traces of the list by start and duration. */
export function Scatter({ traces, from, to, onOpen, onZoom, selected }: { traces: readonly TraceSummary[]; from: number; to: number; onOpen: (t: TraceSummary) => void; onZoom: (from: number, to: number) => void; selected: readonly string[] }) {
  const t = messages.useT();
  const c = common.useT();
  const scheme = useScheme();
  const { zone, tick } = useSettings();
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const [hover, setHover] = useState<{ x: number; y: number; i: number } | null>(null);
  const [drag, setDrag] = useState<[number, number] | null>(null);
  useEffect(() => {
    const el = box.current;
    if (el === null) return;
    const observer = new ResizeObserver(() => setWidth(el.clientWidth));
    observer.observe(el);
    setWidth(el.clientWidth);
    return () => observer.disconnect();
  }, []);
  const inner = { w: Math.max(1, width - pad.left - pad.right), h: height - pad.top - pad.bottom };
  const values = useMemo(() => traces.map((x) => ({ time: Date.parse(x.start), seconds: x.duration_seconds, spans: x.spans })), [traces]);
  const scale = useMemo(() => scaleOf(values, from, to), [values, from, to]);
  const points = useMemo(() => values.map((v) => place(scale, inner.w, inner.h, v)), [values, scale, inner.w, inner.h]);

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
    ctx.font = `11px ${getComputedStyle(document.body).fontFamily}`;
    ctx.textBaseline = 'middle';
    ctx.textAlign = 'right';
    for (let v = scale.low; v <= scale.high * 1.001; v *= 10) {
      const y = pad.top + place(scale, inner.w, inner.h, { time: 0, seconds: v, spans: 1 }).y;
      ctx.fillStyle = m.grid;
      ctx.fillRect(pad.left, Math.round(y), inner.w, 1);
      ctx.fillStyle = m.axis;
      ctx.fillText(duration(v), pad.left - 6, y);
    }
    ctx.textAlign = 'center';
    const labels = Math.max(2, Math.floor(inner.w / 130));
    for (let i = 0; i <= labels; i++) {
      const time = scale.from + ((scale.to - scale.from) * i) / labels;
      const x = pad.left + (inner.w * i) / labels;
      ctx.textAlign = i === 0 ? 'left' : i === labels ? 'right' : 'center';
      ctx.fillStyle = m.axis;
      ctx.fillText(scale.to - scale.from > 20 * 3600_000 ? compact(time, zone, tick) : clock(time, zone), x, height - 8);
    }
    points.forEach((p, i) => {
      const trace = traces[i];
      if (trace === undefined) return;
      const x = pad.left + p.x;
      const y = pad.top + p.y;
      if (trace.errors > 0) {
        ctx.strokeStyle = m.critical;
        ctx.lineWidth = 1.8;
        ctx.beginPath();
        ctx.moveTo(x - p.r, y - p.r);
        ctx.lineTo(x + p.r, y + p.r);
        ctx.moveTo(x + p.r, y - p.r);
        ctx.lineTo(x - p.r, y + p.r);
        ctx.stroke();
      } else {
        ctx.fillStyle = m.output + '88';
        ctx.strokeStyle = m.output;
        ctx.lineWidth = 1;
        ctx.beginPath();
        ctx.arc(x, y, p.r, 0, 7);
        ctx.fill();
        ctx.stroke();
      }
      if (selected.includes(trace.trace_id)) {
        ctx.strokeStyle = m.warning;
        ctx.lineWidth = 2;
        ctx.beginPath();
        ctx.arc(x, y, p.r + 3, 0, 7);
        ctx.stroke();
      }
    });
  }, [points, traces, width, scheme, scale, inner.w, inner.h, zone, tick, selected]);

  const at = (e: React.PointerEvent) => {
    const r = e.currentTarget.getBoundingClientRect();
    return { x: e.clientX - r.left, y: e.clientY - r.top };
  };
  const found = hover === null ? undefined : traces[hover.i];
  return (
    <div
      ref={box}
      className={classes.scatter}
      style={{ height, cursor: found === undefined ? 'crosshair' : 'pointer' }}
      role="img"
      aria-label={t('scatterLabel', { count: traces.length, errors: traces.filter((x) => x.errors > 0).length })}
      onPointerDown={(e) => { if (e.button === 0) setDrag([at(e).x, at(e).x]); }}
      onPointerMove={(e) => {
        const p = at(e);
        if (drag !== null) setDrag([drag[0], p.x]);
        const i = nearest(points, p.x - pad.left, p.y - pad.top);
        setHover(i < 0 ? null : { ...p, i });
      }}
      onPointerUp={() => {
        const time = (x: number) => scale.from + ((Math.min(Math.max(x, pad.left), pad.left + inner.w) - pad.left) / inner.w) * (scale.to - scale.from);
        if (drag !== null && Math.abs(drag[1] - drag[0]) > 6) onZoom(time(Math.min(...drag)), time(Math.max(...drag)));
        else if (found !== undefined) onOpen(found);
        setDrag(null);
      }}
      onPointerLeave={() => { setHover(null); setDrag(null); }}
    >
      <canvas ref={canvas} className={classes.fill} aria-hidden="true" />
      {drag !== null && Math.abs(drag[1] - drag[0]) > 6 && <div className={classes.brush} style={{ left: Math.min(...drag), width: Math.abs(drag[1] - drag[0]), top: pad.top, bottom: pad.bottom }} />}
      {found !== undefined && hover !== null && drag === null && (
        <div className={classes.tip} style={hover.x > width / 2 ? { right: width - hover.x + 12, top: 6 } : { left: hover.x + 12, top: 6 }}>
          <b>{found.name}</b> <span className="dim">{found.service}</span>
          <div>{compact(Date.parse(found.start), zone, tick)} · {duration(found.duration_seconds)} · {t('spanCount', { count: found.spans, n: count(found.spans) })} · {c('callCount', { count: found.calls })}</div>
          {found.errors > 0 && <div>{t('errorCount', { count: found.errors })}{found.error_type !== undefined && `: ${found.error_type}`}</div>}
        </div>
      )}
    </div>
  );
}
