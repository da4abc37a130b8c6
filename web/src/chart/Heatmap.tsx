// How many observations fell where when: cells on a logarithmic axis, with the
// cursor and the zoom of the other charts.

import { useEffect, useMemo, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { format, percent, short, type Unit } from '~/format/number';
import { dateTime } from '~/format/time';
import { messages } from '~/ui/prom/messages';
import { useSettings } from '~/state/settings';
import { drawn, logTicks, type HeatGrid } from './heatmap';
import { heat, meaning, type Scheme } from './palette';
import { tickText, useScheme } from './TimeChart';
import classes from './chart.module.css';

export interface HeatmapProps {
  grid: HeatGrid;
  unit: Unit;
  label: string;
  height?: number;
  /** Unix seconds. */
  from: number;
  to: number;
  onZoom?: (from: number, to: number) => void;
  sync?: string;
}

interface Hover {
  left: number;
  column: number;
  row: number;
}

export function Heatmap(props: HeatmapProps) {
  const { grid, unit, label, height = 220, sync } = props;
  const t = messages.useT();
  const scheme = useScheme();
  const { zone } = useSettings();
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const [hover, setHover] = useState<Hover | null>(null);
  const data = useMemo<uPlot.AlignedData>(() => [grid.times, grid.times.map(() => null)], [grid]);

  useEffect(() => {
    const el = host.current;
    if (el === null) return;
    const m = meaning[scheme];
    const font = '11px ' + getComputedStyle(document.body).fontFamily;
    const axis: Partial<uPlot.Axis> = { stroke: m.axis, font, grid: { show: false }, ticks: { stroke: m.grid, width: 1, size: 4 } };
    const u = new uPlot(
      {
        width: el.clientWidth || 300,
        height,
        padding: [8, 16, 0, 0],
        legend: { show: false },
        cursor: { sync: sync === undefined ? undefined : { key: sync, setSeries: false }, drag: { x: true, y: false, setScale: false }, points: { show: false } },
        scales: { x: { time: true, range: () => [latest.current.from, latest.current.to] }, y: { distr: 3, range: () => bounds(latest.current.grid) } },
        axes: [
          { ...axis, space: 70, size: 30, values: (v, splits) => splits.map((s) => tickText(s, (v.scales.x?.max ?? 0) - (v.scales.x?.min ?? 0), zone)) },
          {
            ...axis,
            size: (_v, values) => Math.max(44, 14 + 6.4 * Math.max(0, ...(values ?? []).map((x) => String(x).length))),
            splits: () => logTicks(...bounds(latest.current.grid), Math.max(2, Math.floor(height / 26))),
            filter: (_v, splits) => splits,
            values: (_v, splits) => splits.map((x) => format(x, unit)),
          },
        ],
        series: [{}, { label: 'y', paths: () => null, points: { show: false } }],
        hooks: {
          draw: [(v) => paint(v, latest.current.grid, scheme)],
          setSelect: [
            (v) => {
              if (v.select.width < 4) return;
              const from = v.posToVal(v.select.left, 'x');
              const to = v.posToVal(v.select.left + v.select.width, 'x');
              v.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
              // Those in step with it select the same: one of them asks for the range.
              if (v.cursor.event !== null && v.cursor.event !== undefined) latest.current.onZoom?.(from * 1000, to * 1000);
            },
          ],
          setCursor: [
            (v) => {
              const { left = -1, top = -1 } = v.cursor;
              const own = v.cursor.event !== null && v.cursor.event !== undefined;
              setHover(left < 0 || !own ? null : cellAt(latest.current.grid, v.posToVal(left, 'x'), v.posToVal(top, 'y'), left + v.over.offsetLeft));
            },
          ],
        },
      },
      data,
      el,
    );
    plot.current = u;
    const leave = () => setHover(null);
    u.over.addEventListener('mouseleave', leave);
    const observer = new ResizeObserver(() => {
      if (el.clientWidth > 0 && el.clientWidth !== u.width) u.setSize({ width: el.clientWidth, height });
    });
    observer.observe(el);
    return () => {
      observer.disconnect();
      u.destroy();
      plot.current = null;
    };
    // Built anew only when its shape changes; data is set below.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [scheme, zone, height, unit, sync]);

  useEffect(() => {
    plot.current?.setData(data);
  }, [data, props.from, props.to]);

  const column = hover === null ? undefined : grid.counts[hover.column];
  const row = hover === null ? undefined : grid.rows[hover.row];
  const total = column?.reduce((a, b) => a + b, 0) ?? 0;
  const width = host.current?.clientWidth ?? 0;
  return (
    <div className={classes.chart}>
      <div ref={host} role="img" aria-label={label} style={{ height }} />
      {hover !== null && column !== undefined && row !== undefined && (
        <div className={classes.tooltip} style={hover.left > width / 2 ? { right: width - hover.left + 14, top: 8 } : { left: hover.left + 14, top: 8 }}>
          <div className={classes.tooltipTime}>{dateTime((grid.times[hover.column] ?? 0) * 1000, zone)}</div>
          <div className={classes.tooltipRow}>
            <span className={classes.swatch} style={{ background: colourOf(column[hover.row] ?? 0, grid.max, scheme) }} />
            <span className={classes.tooltipName}>{rangeText(row, unit)}</span>
            <b>{short(Math.round((column[hover.row] ?? 0) * 10) / 10)}</b>
          </div>
          {total > 0 && <div className={classes.tooltipTime}>{t('perColumn', { share: percent((column[hover.row] ?? 0) / total) })}</div>}
        </div>
      )}
      <div className={classes.legend} aria-hidden="true">
        <span className={classes.ramp}>
          {[0.05, 0.2, 0.4, 0.6, 0.8, 1].map((x) => <i key={x} style={{ background: heat(x, scheme) }} />)}
        </span>
        <span className={classes.more}>{t('scale', { max: short(Math.round(grid.max)) })}</span>
        <span className={classes.more}>· {grid.native ? t('native') : t('classic')}</span>
      </div>
    </div>
  );
}

/** The range of a row in words; open ends as ≤ and >. */
export function rangeText(r: { lo: number; hi: number }, unit: Unit): string {
  if (!Number.isFinite(r.hi)) return `> ${format(r.lo, unit)}`;
  if (r.lo <= 0) return `≤ ${format(r.hi, unit)}`;
  return `${format(r.lo, unit)} – ${format(r.hi, unit)}`;
}

function bounds(g: HeatGrid): [number, number] {
  const first = g.rows[0];
  const last = g.rows.at(-1);
  if (first === undefined || last === undefined) return [0.1, 10];
  return [drawn(first).lo, drawn(last).hi];
}

/** Few are seen beside many: the root of the share, not the share. */
function colourOf(n: number, max: number, scheme: Scheme): string {
  return heat(0.04 + 0.96 * Math.sqrt(max > 0 ? n / max : 0), scheme);
}

function paint(u: uPlot, g: HeatGrid, scheme: Scheme): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  const edges = g.rows.map((r) => {
    const d = drawn(r);
    return [Math.round(u.valToPos(d.hi, 'y', true)), Math.round(u.valToPos(d.lo, 'y', true))] as const;
  });
  g.times.forEach((time, c) => {
    const x0 = Math.round(u.valToPos(time - g.step, 'x', true));
    const x1 = Math.round(u.valToPos(time, 'x', true));
    g.counts[c]?.forEach((n, r) => {
      const edge = edges[r];
      if (n <= 1e-9 || edge === undefined) return;
      ctx.fillStyle = colourOf(n, g.max, scheme);
      ctx.fillRect(x0, edge[0], Math.max(1, x1 - x0), Math.max(1, edge[1] - edge[0]));
    });
  });
  ctx.restore();
}

function cellAt(g: HeatGrid, x: number, y: number, left: number): Hover | null {
  const column = g.times.findIndex((t) => x > t - g.step && x <= t);
  const row = g.rows.findIndex((r) => y >= drawn(r).lo && y < drawn(r).hi);
  return column < 0 || row < 0 ? null : { left, column, row };
}
