// Draws a stream on a canvas. What is in sight is gathered into columns of one
// pixel, so that 25,000 chunks cost no more than the width of the canvas.

import type { Scheme } from '~/chart/palette';
import { duration, short } from '~/format/number';
import { phaseColour, type Ink } from './colours';
import type { StreamModel } from './model';
import type { PhaseName, Segment } from './phases';
import { lowerBound, speed, upperBound, type SpeedCurve } from './stats';
import { ruler, type View } from './view';

/** Where the lanes lie, in CSS pixels. */
export const lanes = { left: 46, right: 10, speedTop: 16, speedBottom: 74, ticksTop: 82, ticksBottom: 138, phasesTop: 146, phasesBottom: 164, height: 186 } as const;

export interface Frame {
  width: number;
  view: View;
  scheme: Scheme;
  ink: Ink;
  font: string;
  words: { stall: string; ttft: string; phase: (p: PhaseName) => string; unit: string };
}

export function toX(f: Frame, seconds: number): number {
  return lanes.left + ((seconds - f.view.from) / (f.view.to - f.view.from)) * (f.width - lanes.left - lanes.right);
}

export function toTime(f: { width: number; view: View }, x: number): number {
  return f.view.from + ((x - lanes.left) / Math.max(1, f.width - lanes.left - lanes.right)) * (f.view.to - f.view.from);
}

/** What the chart shows of the speed: tokens where they are known, else bytes. */
export function curveOf(m: StreamModel, view: View, points: number): SpeedCurve {
  const c = speed(m.ticks, view.from, view.to, points, m.stats);
  const scale = m.tokensPerByte ?? 1;
  for (let i = 0; i < c.values.length; i++) c.values[i] = (c.values[i] ?? Number.NaN) * scale;
  return c;
}

export function drawStream(ctx: CanvasRenderingContext2D, f: Frame, m: StreamModel, segments: readonly Segment[], curve: SpeedCurve): void {
  ctx.clearRect(0, 0, f.width, lanes.height);
  ctx.font = f.font;
  ctx.textBaseline = 'middle';
  drawRuler(ctx, f);
  ctx.save();
  ctx.beginPath();
  ctx.rect(lanes.left, 0, f.width - lanes.left - lanes.right, lanes.height);
  ctx.clip();
  drawStalls(ctx, f, m);
  drawTicks(ctx, f, m);
  drawTtft(ctx, f, m);
  ctx.restore();
  drawSpeed(ctx, f, curve);
  drawPhases(ctx, f, segments);
}

function drawRuler(ctx: CanvasRenderingContext2D, f: Frame): void {
  const plot = f.width - lanes.left - lanes.right;
  ctx.fillStyle = f.ink.grid;
  ctx.textAlign = 'center';
  for (const t of ruler(f.view, Math.max(2, Math.floor(plot / 90)))) {
    const x = toX(f, t);
    ctx.fillStyle = f.ink.grid;
    ctx.fillRect(Math.round(x), lanes.speedTop, 1, lanes.phasesBottom - lanes.speedTop + 4);
    ctx.fillStyle = f.ink.axis;
    ctx.fillText(duration(t), Math.min(Math.max(x, lanes.left + 6), f.width - 22), lanes.phasesBottom + 13);
  }
  ctx.fillStyle = f.ink.grid;
  ctx.fillRect(lanes.left, lanes.ticksBottom, plot, 1);
}

function drawStalls(ctx: CanvasRenderingContext2D, f: Frame, m: StreamModel): void {
  for (const s of m.stats.stalls) {
    const x0 = toX(f, s.at);
    const x1 = toX(f, s.at + s.seconds);
    if (x1 < lanes.left || x0 > f.width) continue;
    ctx.fillStyle = f.ink.stall + '22';
    ctx.fillRect(x0, lanes.speedTop, Math.max(x1 - x0, 1), lanes.ticksBottom - lanes.speedTop);
    ctx.strokeStyle = f.ink.stall;
    ctx.setLineDash([3, 3]);
    ctx.strokeRect(x0 + 0.5, lanes.speedTop + 0.5, Math.max(x1 - x0 - 1, 0), lanes.ticksBottom - lanes.speedTop - 1);
    ctx.setLineDash([]);
    const text = `${f.words.stall} ${duration(s.seconds)}`;
    const room = Math.min(x1, f.width - lanes.right) - Math.max(x0, lanes.left);
    const width = ctx.measureText(text).width;
    ctx.fillStyle = f.ink.stall;
    ctx.textAlign = 'center';
    if (room > width + 6) ctx.fillText(text, Math.max(x0, lanes.left) + room / 2, lanes.ticksTop + 12);
    else if (room > 34) ctx.fillText(duration(s.seconds), Math.max(x0, lanes.left) + room / 2, lanes.ticksTop + 12, room - 2);
  }
}

function drawTicks(ctx: CanvasRenderingContext2D, f: Frame, m: StreamModel): void {
  const { at, bytes } = m.ticks;
  const first = lowerBound(at, f.view.from);
  const last = upperBound(at, f.view.to);
  let most = 1;
  for (let i = 0; i < bytes.length; i++) most = Math.max(most, bytes[i] ?? 0);
  const high = lanes.ticksBottom - lanes.ticksTop - 2;
  const columns = new Float32Array(Math.ceil(f.width) + 1).fill(-1);
  const counts = new Uint32Array(columns.length);
  let crowd = 1;
  for (let i = first; i < last; i++) {
    const x = Math.round(toX(f, at[i] ?? 0));
    if (x < 0 || x >= columns.length) continue;
    columns[x] = Math.max(columns[x] ?? -1, bytes[i] ?? 0);
    crowd = Math.max(crowd, (counts[x] = (counts[x] ?? 0) + 1));
  }
  // Few chunks are drawn as bars that one can hit, many as lines.
  const wide = last - first < (f.width - lanes.left) / 6 ? 2 : 1;
  for (let x = 0; x < columns.length; x++) {
    const v = columns[x] ?? -1;
    if (v < 0) continue;
    // The root, so that a chunk of one token beside one of a hundred is still seen.
    const h = v === 0 ? 4 : 4 + Math.sqrt(v / most) * (high - 4);
    // Where chunks share a column, the fuller ones are darker.
    ctx.globalAlpha = crowd === 1 ? 1 : 0.35 + (0.65 * (counts[x] ?? 1)) / crowd;
    ctx.fillStyle = v === 0 ? f.ink.empty : f.ink.tick;
    ctx.fillRect(x - (wide - 1) / 2, lanes.ticksBottom - h, wide, h);
  }
  ctx.globalAlpha = 1;
}

function drawTtft(ctx: CanvasRenderingContext2D, f: Frame, m: StreamModel): void {
  if (m.ttft === undefined) return;
  const x = Math.round(toX(f, m.ttft));
  ctx.fillStyle = f.ink.ttft;
  ctx.fillRect(x, 4, 1.5, lanes.ticksBottom - 4);
  ctx.beginPath();
  ctx.moveTo(x - 4, 4);
  ctx.lineTo(x + 5.5, 4);
  ctx.lineTo(x + 0.75, 10);
  ctx.fill();
  const text = `${f.words.ttft} ${duration(m.ttft)}`;
  const width = ctx.measureText(text).width;
  const left = x + 8 + width > f.width - lanes.right;
  ctx.textAlign = left ? 'right' : 'left';
  ctx.fillText(text, left ? x - 6 : x + 8, 8);
}

function drawSpeed(ctx: CanvasRenderingContext2D, f: Frame, c: SpeedCurve): void {
  let most = 0;
  for (const v of c.values) if (v > most) most = v;
  if (!(most > 0)) return;
  const height = lanes.speedBottom - lanes.speedTop;
  const y = (v: number) => lanes.speedBottom - (v / (most * 1.05)) * height;
  ctx.textAlign = 'right';
  ctx.fillStyle = f.ink.axis;
  ctx.fillText(short(most), lanes.left - 5, lanes.speedTop + 4);
  ctx.fillText('0', lanes.left - 5, lanes.speedBottom - 3);
  ctx.fillText(f.words.unit, lanes.left - 5, (lanes.speedTop + lanes.speedBottom) / 2, lanes.left - 6);
  ctx.beginPath();
  let open = false;
  const fill = new Path2D();
  let start = 0;
  let x = 0;
  for (let i = 0; i < c.values.length; i++) {
    const v = c.values[i] ?? Number.NaN;
    if (Number.isNaN(v)) {
      if (open) fill.lineTo(x, lanes.speedBottom);
      open = false;
      continue;
    }
    x = toX(f, c.from + i * c.step);
    if (!open) {
      ctx.moveTo(x, y(v));
      fill.moveTo((start = x), lanes.speedBottom);
      fill.lineTo(start, y(v));
      open = true;
    } else {
      ctx.lineTo(x, y(v));
      fill.lineTo(x, y(v));
    }
  }
  if (open) fill.lineTo(x, lanes.speedBottom);
  ctx.strokeStyle = f.ink.speed;
  ctx.lineWidth = 1.5;
  ctx.stroke();
  ctx.lineWidth = 1;
  ctx.fillStyle = f.ink.speed + '1f';
  ctx.fill(fill);
}

function drawPhases(ctx: CanvasRenderingContext2D, f: Frame, segments: readonly Segment[]): void {
  const top = lanes.phasesTop;
  const height = lanes.phasesBottom - top;
  for (const s of segments) {
    const x0 = Math.max(toX(f, s.from), lanes.left);
    const x1 = Math.min(toX(f, s.to), f.width - lanes.right);
    if (x1 < x0 || x0 > f.width - lanes.right || x1 < lanes.left) continue;
    const c = phaseColour(s.phase, f.scheme);
    const w = Math.max(x1 - x0, 1);
    ctx.fillStyle = c + (s.or === undefined ? 'dd' : '38');
    ctx.fillRect(x0, top, w, height);
    if (s.or !== undefined) hatch(ctx, x0, top, w, height, [c, ...s.or.map((p) => phaseColour(p, f.scheme))]);
    const text = [s.phase, ...(s.or ?? [])].map(f.words.phase).join(' / ');
    if (w > 30 && ctx.measureText(text).width < w - 8) {
      ctx.textAlign = 'left';
      ctx.fillStyle = s.or === undefined ? f.ink.paper : f.ink.text;
      ctx.fillText(text, x0 + 4, top + height / 2 + 0.5);
    }
  }
}

/** Stripes in the colours of all that a part of the time may have been. */
function hatch(ctx: CanvasRenderingContext2D, x: number, y: number, w: number, h: number, colours: readonly string[]): void {
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, y, w, h);
  ctx.clip();
  ctx.lineWidth = 1.5;
  let i = 0;
  for (let at = -h; at < w + h; at += 7) {
    ctx.strokeStyle = (colours[i++ % colours.length] ?? '#888') + '99';
    ctx.beginPath();
    ctx.moveTo(x + at, y + h);
    ctx.lineTo(x + at + h, y);
    ctx.stroke();
  }
  ctx.restore();
}

/** The cursor, the part that is being selected, and the playhead: over the stream, drawn at each frame. */
export function drawOver(ctx: CanvasRenderingContext2D, f: Frame, o: { cursor?: number; select?: [number, number]; play?: number }): void {
  ctx.clearRect(0, 0, f.width, lanes.height);
  const line = (x: number, colour: string, width: number) => {
    if (x < lanes.left - 1 || x > f.width - lanes.right + 1) return;
    ctx.fillStyle = colour;
    ctx.fillRect(x - width / 2, lanes.speedTop - 6, width, lanes.phasesBottom - lanes.speedTop + 8);
  };
  if (o.select !== undefined) {
    ctx.fillStyle = f.ink.speed + '2e';
    const [a, b] = o.select;
    ctx.fillRect(Math.min(a, b), lanes.speedTop, Math.abs(b - a), lanes.phasesBottom - lanes.speedTop);
  }
  if (o.cursor !== undefined) line(o.cursor, f.ink.cursor + '99', 1);
  if (o.play !== undefined) {
    const x = toX(f, o.play);
    // What is still to come is dim.
    const from = Math.max(x, lanes.left);
    const to = f.width - lanes.right;
    if (to > from) {
      ctx.fillStyle = f.ink.paper + '99';
      ctx.fillRect(from, lanes.speedTop - 6, to - from, lanes.ticksBottom - lanes.speedTop + 6);
    }
    line(x, f.ink.playhead, 2);
  }
}
