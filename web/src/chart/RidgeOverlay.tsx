// Distributions of a few groups on top of each other over one logarithmic axis.

import { useElementSize } from '@mantine/hooks';
import { format, type Unit } from '~/format/number';
import { ridgePath, shares, used } from './ridge';
import { logTicks, position } from './ticks';
import classes from './intervals.module.css';

export interface OverlaySeries {
  name: string;
  colour: string;
  counts: readonly number[];
  p50?: number;
}

const height = 150;
const base = height - 22;

export function RidgeOverlay({ series, bounds, unit, label }: { series: readonly OverlaySeries[]; bounds: readonly number[]; unit: Unit; label: string }) {
  const { ref, width } = useElementSize<HTMLDivElement>();
  const all = series.map((s) => shares(s.counts));
  const [first, last] = used(all);
  const low = bounds[first] ?? 0.001;
  const high = bounds[last + 1] ?? 1;
  const top = Math.max(0.01, ...all.flat());
  const x = (v: number) => position(v, low, high, true) * width;
  const words = series.map((s) => `${s.name}: p50 ${format(s.p50, unit)}`).join('; ');
  return (
    <div ref={ref} className={classes.plot}>
      <svg height={height} role="img" aria-label={`${label}. ${words}`}>
        {series.map((s, i) => (
          <g key={s.name}>
            <path d={ridgePath((all[i] ?? []).slice(first, last + 1), bounds.slice(first, last + 2), x, (v) => base - (v / top) * (base - 6), base)} fill={s.colour} fillOpacity={0.16} stroke={s.colour} strokeWidth={1.75} />
            {s.p50 !== undefined && <line x1={x(s.p50)} x2={x(s.p50)} y1={base - 4} y2={base + 6} stroke={s.colour} strokeWidth={3} />}
          </g>
        ))}
        <line x1={0} x2={width} y1={base} y2={base} stroke="currentColor" opacity={0.25} />
        {logTicks(low, high, Math.max(2, Math.floor(width / 70))).map((v) => <text key={v} x={x(v)} y={height - 4} textAnchor={x(v) < 16 ? 'start' : x(v) > width - 24 ? 'end' : 'middle'} className={classes.axisLabel}>{format(v, unit)}</text>)}
      </svg>
    </div>
  );
}
