import { useId } from 'react';
import classes from './chart.module.css';

/** A line without axes; gaps stay gaps. */
export function Sparkline({ values, colour, height = 32, label }: { values: readonly (number | null | undefined)[]; colour: string; height?: number; label?: string }) {
  const id = useId();
  const known = values.filter((v): v is number => typeof v === 'number' && Number.isFinite(v));
  if (known.length < 2) return <svg className={classes.spark} height={height} aria-hidden="true" />;
  const low = Math.min(0, ...known);
  const high = Math.max(...known);
  const width = 200;
  const x = (i: number) => (i / Math.max(1, values.length - 1)) * width;
  const y = (v: number) => height - 2 - ((v - low) / (high - low || 1)) * (height - 4);
  const runs: [number, number][][] = [];
  let run: [number, number][] = [];
  values.forEach((v, i) => {
    if (typeof v === 'number' && Number.isFinite(v)) run.push([x(i), y(v)]);
    else if (run.length > 0) {
      runs.push(run);
      run = [];
    }
  });
  if (run.length > 0) runs.push(run);
  const path = (r: [number, number][]) => r.map(([a, b], i) => `${i === 0 ? 'M' : 'L'}${a.toFixed(1)} ${b.toFixed(1)}`).join('');
  return (
    <svg className={classes.spark} viewBox={`0 0 ${width} ${height}`} height={height} preserveAspectRatio="none" role={label === undefined ? undefined : 'img'} aria-label={label} aria-hidden={label === undefined ? true : undefined}>
      <defs>
        <linearGradient id={id} x1="0" x2="0" y1="0" y2="1">
          <stop offset="0" stopColor={colour} stopOpacity="0.25" />
          <stop offset="1" stopColor={colour} stopOpacity="0" />
        </linearGradient>
      </defs>
      {runs.map((r) => (
        <g key={r[0]?.[0]}>
          <path d={`${path(r)}L${r.at(-1)?.[0]} ${height}L${r[0]?.[0]} ${height}Z`} fill={`url(#${id})`} />
          <path d={path(r)} fill="none" stroke={colour} strokeWidth="1.5" vectorEffect="non-scaling-stroke" />
        </g>
      ))}
    </svg>
  );
}
