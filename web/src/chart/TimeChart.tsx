// Lines, areas, bars and points over time: uPlot with the cursor of all charts of
// a page in step, a range selected with the mouse, exemplars, bands and thresholds.

import { useMantineColorScheme, useComputedColorScheme } from '@mantine/core';
import { useEffect, useMemo, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { format, type Unit } from '~/format/number';
import { clock, compact, dateTime } from '~/format/time';
import { useSettings } from '~/state/settings';
import { colours, meaning, type Scheme } from './palette';
import classes from './chart.module.css';

export interface ChartSeries {
  /** Stable: gives the colour. */
  name: string;
  /** What the legend shows; default the name. */
  label?: string;
  /** One a time; null is a gap. */
  values: (number | null | undefined)[];
  colour?: string;
  dash?: number[];
  kind?: 'line' | 'area' | 'bars' | 'points';
  /** A band between this series (upper) and the named one (lower). */
  bandTo?: string;
  /** A part of this series, such as the bound of its interval: shown with it, and neither in the legend nor beside the cursor. */
  of?: string;
  hidden?: boolean;
}

export interface ChartExemplar {
  /** Unix seconds. */
  time: number;
  value: number;
  traceID?: string;
  callID?: string;
  labels?: Record<string, string>;
}

export interface ChartBand {
  /** Unix seconds. */
  from: number;
  to: number;
  label: string;
  level?: 'warning' | 'critical' | 'ok' | 'muted';
}

export interface ChartThreshold {
  value: number;
  label?: string;
  level: 'ok' | 'warning' | 'critical';
}

export interface TimeChartProps {
  /** Unix seconds, ascending. */
  times: number[];
  series: ChartSeries[];
  unit?: Unit;
  height?: number;
  stacked?: boolean;
  /** What it shows, for those who do not see it. */
  label: string;
  exemplars?: ChartExemplar[];
  bands?: ChartBand[];
  thresholds?: ChartThreshold[];
  /** The range of the x axis, Unix seconds; default that of the data. */
  from?: number;
  to?: number;
  /** Called with milliseconds when a range is selected. */
  onZoom?: (from: number, to: number) => void;
  onExemplar?: (e: ChartExemplar) => void;
  /** Charts with the same key show the cursor together. */
  sync?: string;
  legend?: boolean;
  log?: boolean;
  max?: number;
  min?: number;
}

const maxLegend = 12;

export function useScheme(): Scheme {
  return useComputedColorScheme('light', { getInitialValueInEffect: false });
}

/** Values added up from the first series on, as a stack shows them. */
export function stack(series: readonly (number | null | undefined)[][]): (number | null)[][] {
  const sums: number[] = [];
  return series.map((values) =>
    values.map((v, i) => {
      if (v === null || v === undefined) return sums[i] === undefined ? null : (sums[i] ?? null);
      return (sums[i] = (sums[i] ?? 0) + v);
    }),
  );
}

export function TimeChart(props: TimeChartProps) {
  const { times, series, unit = 'count', height = 220, stacked = false, label, legend = true } = props;
  const scheme = useScheme();
  useMantineColorScheme();
  const { zone } = useSettings();
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const [solo, setSolo] = useState<string | null>(null);
  const [hover, setHover] = useState<{ left: number; top: number; index: number; exemplar?: ChartExemplar } | null>(null);

  const palette = useMemo(() => colours(series.map((s) => s.name), scheme), [series, scheme]);
  const named = series.filter((s) => s.of === undefined);
  const colourOf = (s: ChartSeries) => s.colour ?? palette.get(s.name) ?? '#888';
  const shown = solo !== null && series.some((s) => s.name === solo) ? series.filter((s) => s.name === solo || s.of === solo) : series.filter((s) => !s.hidden);
  const data = useMemo<uPlot.AlignedData>(() => {
    const values = shown.map((s) => s.values.map((v) => (v === undefined || (typeof v === 'number' && !Number.isFinite(v)) ? null : v)));
    // A stack is drawn from its top: the sum first, each lower one over it.
    return [times, ...(stacked ? stack(values).reverse() : values)] as uPlot.AlignedData;
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [times, series, solo, stacked]);
  const drawn = stacked ? [...shown].reverse() : shown;
  const shape = JSON.stringify([drawn.map((s) => [s.name, s.kind, s.dash, s.bandTo, colourOf(s)]), unit, stacked, scheme, zone, props.log, props.sync, height, props.max, props.min]);

  useEffect(() => {
    const el = host.current;
    if (el === null) return;
    const m = meaning[scheme];
    const font = '11px ' + getComputedStyle(document.body).fontFamily;
    const axis: Partial<uPlot.Axis> = { stroke: m.axis, font, grid: { stroke: m.grid, width: 1 }, ticks: { stroke: m.grid, width: 1, size: 4 } };
    const bars = uPlot.paths.bars?.({ size: [0.8, 40], align: 0 });
    const find = (name: string) => drawn.findIndex((s) => s.name === name) + 1;
    const opts: uPlot.Options = {
      width: el.clientWidth || 300,
      height,
      padding: [8, 16, 0, 0],
      legend: { show: false },
      cursor: {
        sync: props.sync === undefined ? undefined : { key: props.sync, setSeries: false },
        drag: { x: true, y: false, setScale: false },
        points: { size: 6 },
        focus: { prox: 24 },
      },
      scales: {
        x: { time: true, range: (_u, min, max) => [latest.current.from ?? min ?? 0, latest.current.to ?? max ?? 1] },
        y: {
          distr: props.log ? 3 : 1,
          range: (_u, min, max) => {
            const top = latest.current.max ?? Math.max(max ?? 0, ...(latest.current.thresholds ?? []).filter((t) => t.value <= 2 * (max ?? 0)).map((t) => t.value));
            if (props.log) return [Math.max(min ?? 1e-6, 1e-9), Math.max(top, 1e-6)];
            const low = latest.current.min ?? Math.min(0, min ?? 0);
            return [low, top <= low ? low + 1 : low + (top - low) * 1.06];
          },
        },
      },
      axes: [
        { ...axis, space: 70, size: 30, values: (u, splits) => splits.map((s) => tickText(s, (u.scales.x?.max ?? 0) - (u.scales.x?.min ?? 0), zone)) },
        { ...axis, space: height < 120 ? 20 : 30, size: (_u, values) => Math.max(44, 14 + 6.4 * Math.max(0, ...(values ?? []).map((v) => String(v).length))), values: (_u, splits) => splits.map((v) => (v === null ? '' : format(v, unit))) },
      ],
      series: [
        {},
        ...drawn.map((s): uPlot.Series => {
          const c = colourOf(s);
          const kind = s.kind ?? (stacked ? 'area' : 'line');
          return {
            label: s.label ?? s.name,
            stroke: c,
            width: kind === 'bars' ? 0 : 1.5,
            dash: s.dash,
            fill: kind === 'area' ? (stacked ? c : c + '22') : kind === 'bars' ? (stacked ? c : c + 'cc') : undefined,
            paths: kind === 'bars' ? bars : kind === 'points' ? () => null : undefined,
            points: { show: kind === 'points' ? true : undefined, size: kind === 'points' ? 5 : 4, fill: c },
            spanGaps: false,
          };
        }),
      ],
      bands: drawn.flatMap((s) => (s.bandTo === undefined || find(s.bandTo) === 0 ? [] : [{ series: [find(s.name), find(s.bandTo)] as [number, number], fill: colourOf(s) + '22' }])),
      hooks: {
        setSelect: [
          (u) => {
            if (u.select.width < 4) return;
            const from = u.posToVal(u.select.left, 'x');
            const to = u.posToVal(u.select.left + u.select.width, 'x');
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            // Those in step with it select the same: one of them asks for the range.
            if (u.cursor.event !== null && u.cursor.event !== undefined) latest.current.onZoom?.(from * 1000, to * 1000);
          },
        ],
        drawClear: [(u) => drawBands(u, latest.current.bands ?? [], scheme)],
        draw: [(u) => drawThresholds(u, latest.current.thresholds ?? [], scheme), (u) => drawExemplars(u, latest.current.exemplars ?? [], scheme)],
        setCursor: [
          (u) => {
            const { left = -1, top = -1, idx } = u.cursor;
            // The other charts in step show where the cursor is; what is there is told by the one that it is on.
            const own = u.cursor.event !== null && u.cursor.event !== undefined;
            if (!own || left < 0 || idx === null || idx === undefined) {
              setHover(null);
              return;
            }
            const exemplar = nearest(u, latest.current.exemplars ?? [], left, top);
            setHover({ left: left + u.over.offsetLeft, top: Math.max(top, 0) + u.over.offsetTop, index: idx, exemplar });
            u.over.style.cursor = exemplar ? 'pointer' : 'crosshair';
          },
        ],
      },
    };
    const u = new uPlot(opts, data, el);
    plot.current = u;
    const click = () => {
      const e = nearest(u, latest.current.exemplars ?? [], u.cursor.left ?? -1, u.cursor.top ?? -1);
      if (e) latest.current.onExemplar?.(e);
    };
    const leave = () => setHover(null);
    u.over.addEventListener('click', click);
    u.over.addEventListener('mouseleave', leave);
    const observer = new ResizeObserver(() => {
      const w = el.clientWidth;
      if (w > 0 && w !== u.width) u.setSize({ width: w, height });
    });
    observer.observe(el);
    return () => {
      observer.disconnect();
      u.destroy();
      plot.current = null;
    };
    // The chart is built anew only when its shape changes; data, exemplars and bands are set below.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [shape]);

  useEffect(() => {
    plot.current?.setData(data);
  }, [data, props.exemplars, props.bands, props.thresholds, props.from, props.to]);

  return (
    <div className={classes.chart}>
      <div ref={host} role="img" aria-label={label} style={{ height }} />
      {hover !== null && (
        <div className={classes.tooltip} style={hover.left > (host.current?.clientWidth ?? 0) / 2 ? { right: (host.current?.clientWidth ?? 0) - hover.left + 14, top: 8 } : { left: hover.left + 14, top: 8 }}>
          <div className={classes.tooltipTime}>{dateTime((times[hover.index] ?? 0) * 1000, zone)}</div>
          {shown.filter((s) => s.of === undefined).slice(0, 20).map((s) => (
            <div key={s.name} className={classes.tooltipRow}>
              <span className={classes.swatch} style={{ background: colourOf(s) }} />
              <span className={classes.tooltipName}>{s.label ?? s.name}</span>
              <b>{format(s.values[hover.index], unit)}</b>
            </div>
          ))}
          {hover.exemplar && (
            <div className={classes.tooltipExemplar}>
              ◆ {format(hover.exemplar.value, unit)} · {compact(hover.exemplar.time * 1000, zone)} · {(hover.exemplar.traceID ?? hover.exemplar.callID ?? '').slice(0, 8)}
            </div>
          )}
        </div>
      )}
      {legend && named.length > 0 && (
        <div className={classes.legend}>
          {named.slice(0, solo === null ? maxLegend : undefined).map((s) => (
            <button key={s.name} type="button" className={classes.legendItem} aria-pressed={solo === s.name} data-faded={solo !== null && solo !== s.name ? '' : undefined} onClick={() => setSolo(solo === s.name ? null : s.name)}>
              <span className={classes.swatch} style={{ background: colourOf(s) }} />
              {s.label ?? s.name}
            </button>
          ))}
          {solo === null && named.length > maxLegend && <span className={classes.more}>+{named.length - maxLegend}</span>}
        </div>
      )}
    </div>
  );
}

export function tickText(seconds: number, span: number, zone: 'local' | 'UTC'): string {
  const ms = seconds * 1000;
  if (span <= 600) return clock(ms, zone);
  const text = dateTime(ms, zone);
  if (span <= 36 * 3600) return text.slice(11, 16);
  if (text.slice(11, 16) === '00:00' || span > 6 * 86400) return text.slice(5, 10);
  return text.slice(5, 16);
}

function drawBands(u: uPlot, bands: readonly ChartBand[], scheme: Scheme): void {
  const { ctx, bbox } = u;
  ctx.save();
  for (const b of bands) {
    const x0 = Math.max(u.valToPos(b.from, 'x', true), bbox.left);
    const x1 = Math.min(u.valToPos(b.to, 'x', true), bbox.left + bbox.width);
    if (x1 <= bbox.left || x0 >= bbox.left + bbox.width) continue;
    ctx.fillStyle = meaning[scheme][b.level ?? 'muted'] + '1a';
    ctx.fillRect(x0, bbox.top, Math.max(x1 - x0, 2), bbox.height);
    ctx.fillStyle = meaning[scheme][b.level ?? 'muted'];
    ctx.fillRect(x0, bbox.top, 1, bbox.height);
    ctx.font = `${10 * devicePixelRatio}px sans-serif`;
    ctx.textAlign = 'left';
    ctx.textBaseline = 'alphabetic';
    if (x1 - x0 > 40) ctx.fillText(b.label, x0 + 4, bbox.top + 11 * devicePixelRatio, x1 - x0 - 6);
  }
  ctx.restore();
}

function drawThresholds(u: uPlot, thresholds: readonly ChartThreshold[], scheme: Scheme): void {
  const { ctx, bbox } = u;
  ctx.save();
  for (const t of thresholds) {
    const y = u.valToPos(t.value, 'y', true);
    if (t.level === 'ok' || !(y >= bbox.top && y <= bbox.top + bbox.height)) continue;
    ctx.strokeStyle = meaning[scheme][t.level];
    ctx.setLineDash([6, 4]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
  }
  ctx.restore();
}

function drawExemplars(u: uPlot, list: readonly ChartExemplar[], scheme: Scheme): void {
  const { ctx, bbox } = u;
  const r = 4 * devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const e of list) {
    const x = u.valToPos(e.time, 'x', true);
    const y = Math.max(u.valToPos(e.value, 'y', true), bbox.top + r);
    ctx.beginPath();
    ctx.moveTo(x, y - r);
    ctx.lineTo(x + r, y);
    ctx.lineTo(x, y + r);
    ctx.lineTo(x - r, y);
    ctx.closePath();
    ctx.fillStyle = scheme === 'dark' ? '#1a1b1e' : '#ffffff';
    ctx.fill();
    ctx.strokeStyle = meaning[scheme].warning;
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.stroke();
  }
  ctx.restore();
}

function nearest(u: uPlot, list: readonly ChartExemplar[], left: number, top: number): ChartExemplar | undefined {
  let best: ChartExemplar | undefined;
  let distance = 10;
  for (const e of list) {
    const d = Math.hypot(u.valToPos(e.time, 'x') - left, Math.max(u.valToPos(e.value, 'y'), 4) - top);
    if (d < distance) {
      distance = d;
      best = e;
    }
  }
  return best;
}
