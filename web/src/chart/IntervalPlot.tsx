// Groups beside each other over one axis: as points with their intervals, or as
// distributions with p50, p95 and p99. The axis is the same in every row.

import { useElementSize } from '@mantine/hooks';
import type { ReactNode } from 'react';
import { format, type Unit } from '~/format/number';
import { meaning } from './palette';
import { ridgePath, shares, used } from './ridge';
import { linearTicks, logTicks, position } from './ticks';
import { useScheme } from './TimeChart';
import classes from './intervals.module.css';

export interface Mark {
  value: number;
  low?: number;
  high?: number;
}

export interface IntervalRow {
  key: string;
  colour: string;
  name: ReactNode;
  /** What the drawing shows, in words. */
  label: string;
  /** Beside the drawing. */
  value: ReactNode;
  verdict: ReactNode;
  baseline?: boolean;
  /** The point, or of a distribution its p50, p95 and p99. */
  marks: readonly Mark[];
  /** Of a distribution. */
  counts?: readonly number[];
}

interface Scale {
  low: number;
  high: number;
  log: boolean;
}

const rowHeight = 30;
const ridgeHeight = 46;

export function IntervalPlot({ rows, unit, label, end, bounds }: { rows: readonly IntervalRow[]; unit: Unit; label: string; end: number; bounds?: readonly number[] }) {
  const { ref, width } = useElementSize<HTMLDivElement>();
  const scheme = useScheme();
  const ridges = bounds === undefined ? [] : rows.map((r) => shares(r.counts ?? []));
  const [first, last] = used(ridges);
  const scale: Scale = bounds === undefined ? { low: 0, high: end, log: false } : { low: bounds[first] ?? 0.001, high: bounds[last + 1] ?? 1, log: true };
  const top = Math.max(0.01, ...ridges.flat());
  const reference = rows.find((r) => r.baseline)?.marks[0];
  const x = (v: number) => position(v, scale.low, scale.high, scale.log) * width;
  return (
    <div role="list" aria-label={label}>
      {rows.map((r, i) => (
        <div key={r.key} role="listitem" className={classes.row} data-baseline={r.baseline ? '' : undefined}>
          <div className={classes.name}><span className={classes.swatch} style={{ background: r.colour }} />{r.name}</div>
          <div className={classes.plot} ref={i === 0 ? ref : undefined}>
            <svg height={bounds === undefined ? rowHeight : ridgeHeight} role="img" aria-label={r.label}>
              {reference !== undefined && <line x1={x(reference.value)} x2={x(reference.value)} y1={0} y2={bounds === undefined ? rowHeight : ridgeHeight} stroke={meaning[scheme].muted} strokeDasharray="3 3" />}
              {bounds === undefined ? <Dot mark={r.marks[0]} x={x} width={width} colour={r.colour} scale={scale} /> : <Ridge share={ridges[i] ?? []} bounds={bounds} first={first} last={last} top={top} marks={r.marks} x={x} colour={r.colour} />}
            </svg>
          </div>
          <div className={classes.value}>{r.value}</div>
          <div className={classes.verdict}>{r.verdict}</div>
        </div>
      ))}
      <div className={`${classes.row} ${classes.axis}`} aria-hidden="true">
        <div className={classes.hideNarrow} />
        <div className={classes.plot}><Axis scale={scale} width={width} unit={unit} /></div>
      </div>
    </div>
  );
}

/** A point with a whisker as long as its interval; an arrow where that goes on beyond the axis. */
function Dot({ mark, x, width, colour, scale }: { mark: Mark | undefined; x: (v: number) => number; width: number; colour: string; scale: Scale }) {
  if (mark === undefined) return null;
  const y = rowHeight / 2;
  const low = x(mark.low ?? mark.value);
  const high = x(mark.high ?? mark.value);
  const beyond = (mark.high ?? mark.value) > scale.high * 1.0001;
  return (
    <g>
      <rect x={0} y={y - 4} width={Math.max(0, x(mark.value))} height={8} fill={colour} opacity={0.16} rx={2} />
      <line x1={low} x2={high} y1={y} y2={y} stroke={colour} strokeWidth={2} />
      {mark.low !== undefined && <line x1={low} x2={low} y1={y - 5} y2={y + 5} stroke={colour} strokeWidth={1.5} />}
      {mark.high !== undefined && !beyond && <line x1={high} x2={high} y1={y - 5} y2={y + 5} stroke={colour} strokeWidth={1.5} />}
      {beyond && <path d={`M${width - 7} ${y - 5}L${width} ${y}L${width - 7} ${y + 5}`} fill="none" stroke={colour} strokeWidth={1.5} />}
      <circle cx={x(mark.value)} cy={y} r={4.5} fill={colour} />
    </g>
  );
}

function Ridge({ share, bounds, first, last, top, marks, x, colour }: { share: readonly number[]; bounds: readonly number[]; first: number; last: number; top: number; marks: readonly Mark[]; x: (v: number) => number; colour: string }) {
  const base = ridgeHeight - 8;
  const y = (s: number) => base - (s / top) * (base - 4);
  return (
    <g>
      {share.length > 0 && <path d={ridgePath(share.slice(first, last + 1), bounds.slice(first, last + 2), x, y, base)} fill={colour} fillOpacity={0.28} stroke={colour} strokeWidth={1.25} />}
      <line x1={0} x2={x(bounds[last + 1] ?? 1)} y1={base} y2={base} stroke="currentColor" opacity={0.12} />
      {marks.map((m, i) => (
        <g key={i}>
          <rect x={x(m.low ?? m.value)} y={base} width={Math.max(2, x(m.high ?? m.value) - x(m.low ?? m.value))} height={5} fill={colour} opacity={0.35} />
          <line x1={x(m.value)} x2={x(m.value)} y1={i === 0 ? 2 : base - 12} y2={base + 5} stroke={colour} strokeWidth={i === 0 ? 2 : 1.5} strokeDasharray={i === 2 ? '2 2' : undefined} />
        </g>
      ))}
    </g>
  );
}

function Axis({ scale, width, unit }: { scale: Scale; width: number; unit: Unit }) {
  const most = Math.max(2, Math.floor(width / 64));
  const ticks = scale.log ? logTicks(scale.low, scale.high, most) : linearTicks(scale.low, scale.high, Math.min(6, most));
  return (
    <svg height={18}>
      {ticks.map((v) => {
        const at = position(v, scale.low, scale.high, scale.log) * width;
        return (
          <g key={v}>
            <line x1={at} x2={at} y1={0} y2={4} stroke="currentColor" opacity={0.4} />
            <text x={at} y={15} textAnchor={at < 16 ? 'start' : at > width - 24 ? 'end' : 'middle'} className={classes.axisLabel}>{format(v, unit)}</text>
          </g>
        );
      })}
    </svg>
  );
}
