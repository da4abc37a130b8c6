// What is drawn in the lane of a span: its bar, the chunks of a stream in it, the
// first token, the critical path, events.

import { memo, useEffect, useRef } from 'react';
import type { Scheme } from '~/chart/palette';
import { duration } from '~/format/number';
import type { Ticks } from '~/timeline/decode';
import { lowerBound, upperBound } from '~/timeline/stats';
import type { View } from '~/timeline/view';
import type { Section } from './critical';
import { kindColour } from './kinds';
import { traces as messages } from './messages';
import type { Node } from './tree';
import classes from './waterfall.module.css';

export interface BarProps {
  node: Node;
  view: View;
  width: number;
  scheme: Scheme;
  ticks?: Ticks;
  critical?: readonly Section[];
  start: number;
}

export const Bar = memo(function Bar({ node, view, width, scheme, ticks, critical, start }: BarProps) {
  const span = view.to - view.from;
  const x = (s: number) => ((s - view.from) / span) * width;
  const left = x(node.from);
  const right = Math.max(x(node.to), left + 2);
  const clippedLeft = Math.max(left, -2);
  const clippedRight = Math.min(right, width + 2);
  const s = node.span;
  if (clippedRight < 0 || clippedLeft > width) {
    return <span className={classes.outside} style={clippedRight < 0 ? { left: 2 } : { right: 2 }}>{clippedRight < 0 ? '◂' : '▸'}</span>;
  }
  const c = kindColour(s.kind, scheme);
  const ttft = s.call?.ttft_seconds;
  const text = duration(s.duration_seconds);
  const room = width - clippedRight;
  const inside = room <= 70 && clippedLeft <= 70;
  // A container has no fill to write on.
  const plate = s.container === true ? {} : { background: c, color: scheme === 'dark' ? '#101113' : '#fff', textShadow: 'none' };
  const style = room > 70 ? { left: clippedRight + 5 } : clippedLeft > 70 ? { right: width - clippedLeft + 5 } : { left: Math.max(clippedLeft, 0) + 6, ...plate };
  const events = s.span?.events ?? s.call?.events;
  return (
    <>
      <span className={classes.bar} data-error={s.status === 'error' ? '' : undefined} data-container={s.container === true ? '' : undefined} style={{ left: clippedLeft, width: Math.max(2, clippedRight - clippedLeft), background: s.container === true ? undefined : c, borderColor: c }}>
        {ticks !== undefined && <TickMarks ticks={ticks} from={node.from} view={view} left={clippedLeft} width={Math.max(2, clippedRight - clippedLeft)} lane={width} colour={scheme === 'dark' ? '#101113' : '#ffffff'} />}
      </span>
      {critical?.map(([a, b]) => {
        const l = Math.max(x(a), 0);
        const r = Math.min(x(b), width);
        return r < l ? null : <span key={a} className={classes.critical} style={{ left: l, width: Math.max(1.5, r - l) }} />;
      })}
      {ttft !== undefined && x(node.from + ttft) >= 0 && x(node.from + ttft) <= width && <span className={classes.ttft} style={{ left: x(node.from + ttft) }} title={messages.t('ttftMark', { d: duration(ttft) })} />}
      {events !== undefined && events.length > 0 && <Events times={events.map((e) => ({ at: (Date.parse(e.time) - start) / 1000, name: e.name }))} x={x} width={width} />}
      <span className={classes.length} data-inside={inside ? '' : undefined} style={style}>{text}</span>
    </>
  );
});

/** Events as diamonds; those that fall together are one. */
function Events({ times, x, width }: { times: readonly { at: number; name: string }[]; x: (s: number) => number; width: number }) {
  const at = new Map<number, string[]>();
  for (const e of times) {
    const px = Math.round(x(e.at) / 4) * 4;
    if (px < 0 || px > width) continue;
    const list = at.get(px);
    if (list === undefined) at.set(px, [e.name]);
    else list.push(e.name);
  }
  return <>{[...at].map(([px, names]) => <span key={px} className={classes.event} style={{ left: px }} title={names.slice(0, 8).join(', ')} />)}</>;
}

function TickMarks({ ticks, from, view, left, width, lane, colour }: { ticks: Ticks; from: number; view: View; left: number; width: number; lane: number; colour: string }) {
  const ref = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const el = ref.current;
    const ctx = el?.getContext('2d');
    if (!el || !ctx) return;
    const ratio = window.devicePixelRatio || 1;
    const height = 14;
    el.width = Math.max(1, Math.round(width * ratio));
    el.height = height * ratio;
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    const scale = lane / (view.to - view.from);
    const seen = new Uint16Array(Math.ceil(width) + 1);
    const first = lowerBound(ticks.at, view.from - from - 1);
    const last = upperBound(ticks.at, view.to - from + 1);
    for (let i = first; i < last; i++) {
      if ((ticks.bytes[i] ?? 0) <= 0) continue;
      const x = Math.round(((ticks.at[i] ?? 0) + from - view.from) * scale - left);
      if (x >= 0 && x < seen.length) seen[x] = (seen[x] ?? 0) + 1;
    }
    ctx.fillStyle = colour;
    for (let x = 0; x < seen.length; x++) {
      const n = seen[x] ?? 0;
      if (n === 0) continue;
      ctx.globalAlpha = Math.min(0.85, 0.35 + n * 0.12);
      ctx.fillRect(x, 3, 1, height - 6);
    }
  }, [ticks, from, view, left, width, lane, colour]);
  return <canvas ref={ref} className={classes.ticks} style={{ width }} aria-hidden="true" />;
}
