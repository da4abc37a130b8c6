import { ActionIcon, Group, Stack, Text, Tooltip } from '@mantine/core';
import { IconFocusCentered, IconZoomIn, IconZoomOut } from '@tabler/icons-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { meaning } from '~/chart/palette';
import { useScheme } from '~/chart/TimeChart';
import { duration, short, usd } from '~/format/number';
import { timeline } from '~/timeline/messages';
import { Empty } from '~/ui/states';
import { box, buildGraph, layout, type Graph, type GraphNode, type Layout } from './graph';
import classes from './graph.module.css';
import { KindIcon, kindColour } from './kinds';
import { traces as messages } from './messages';
import type { Tree } from './tree';

interface Camera {
  x: number;
  y: number;
  /** Units of the drawing for a pixel. */
  scale: number;
}

const margin = 30;

export default function GraphView({ tree, onSelect }: { tree: Tree; onSelect: (id: string) => void }) {
  const t = messages.useT();
  const graph = useMemo(() => buildGraph(tree), [tree]);
  const placed = useMemo(() => layout(graph), [graph]);
  if (graph.nodes.length === 0) return <Empty title={t('noGraph')} hint={t('noGraphHint')} height={260} />;
  return <Drawing graph={graph} placed={placed} onSelect={onSelect} />;
}

function Drawing({ graph, placed, onSelect }: { graph: Graph; placed: Layout; onSelect: (id: string) => void }) {
  const t = messages.useT();
  const z = timeline.useT();
  const host = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ w: 0, h: 0 });
  const [camera, setCamera] = useState<Camera>();
  const drag = useRef<{ x: number; y: number; camera: Camera } | null>(null);
  useEffect(() => {
    const el = host.current;
    if (el === null) return;
    const observer = new ResizeObserver(() => setSize({ w: el.clientWidth, h: el.clientHeight }));
    observer.observe(el);
    setSize({ w: el.clientWidth, h: el.clientHeight });
    return () => observer.disconnect();
  }, []);
  const fitted = useMemo<Camera>(() => {
    const scale = Math.max((placed.width + 2 * margin) / Math.max(size.w, 1), (placed.height + 2 * margin) / Math.max(size.h, 1), 0.9);
    return { scale, x: placed.width / 2 - (size.w * scale) / 2, y: placed.height / 2 - (size.h * scale) / 2 };
  }, [placed, size]);
  const c = camera ?? fitted;
  const zoomAt = (factor: number, px = size.w / 2, py = size.h / 2) => {
    const scale = Math.min(Math.max(c.scale * factor, 0.2), 12);
    setCamera({ scale, x: c.x + px * (c.scale - scale), y: c.y + py * (c.scale - scale) });
  };
  const latest = useRef(zoomAt);
  latest.current = zoomAt;
  useEffect(() => {
    const el = host.current;
    if (el === null) return;
    const wheel = (e: WheelEvent) => {
      if (!e.ctrlKey && !e.metaKey) return;
      e.preventDefault();
      const r = el.getBoundingClientRect();
      latest.current(Math.exp(e.deltaY * 0.002), e.clientX - r.left, e.clientY - r.top);
    };
    el.addEventListener('wheel', wheel, { passive: false });
    return () => el.removeEventListener('wheel', wheel);
  }, []);
  const onKeyDown = (e: React.KeyboardEvent) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const step = 60 * c.scale;
    if (e.key === '+' || e.key === '=') zoomAt(0.8);
    else if (e.key === '-') zoomAt(1.25);
    else if (e.key === '0') setCamera(undefined);
    else if (e.key === 'ArrowLeft') setCamera({ ...c, x: c.x - step });
    else if (e.key === 'ArrowRight') setCamera({ ...c, x: c.x + step });
    else if (e.key === 'ArrowUp') setCamera({ ...c, y: c.y - step });
    else if (e.key === 'ArrowDown') setCamera({ ...c, y: c.y + step });
    else return;
    e.preventDefault();
  };
  return (
    <Stack gap={6}>
      <Group justify="space-between" gap="xs" wrap="nowrap">
        <Text size="xs" c="dimmed">{t('graphHint')}</Text>
        <Group gap={2} wrap="nowrap">
          <Tooltip label={z('zoomIn')}><ActionIcon size="sm" variant="default" aria-label={z('zoomIn')} onClick={() => zoomAt(0.8)}><IconZoomIn size={14} /></ActionIcon></Tooltip>
          <Tooltip label={z('zoomOut')}><ActionIcon size="sm" variant="default" aria-label={z('zoomOut')} onClick={() => zoomAt(1.25)}><IconZoomOut size={14} /></ActionIcon></Tooltip>
          <Tooltip label={z('zoomAll')}><ActionIcon size="sm" variant="default" aria-label={z('zoomAll')} onClick={() => setCamera(undefined)}><IconFocusCentered size={14} /></ActionIcon></Tooltip>
        </Group>
      </Group>
      <div
        ref={host} className={classes.host} tabIndex={0} role="group" aria-label={t('graphLabel', { nodes: graph.nodes.length, edges: graph.edges.length })} onKeyDown={onKeyDown}
        onPointerDown={(e) => {
          if (e.button !== 0 || (e.target instanceof Element && e.target.closest('[data-node]') !== null)) return;
          e.currentTarget.setPointerCapture(e.pointerId);
          drag.current = { x: e.clientX, y: e.clientY, camera: c };
        }}
        onPointerMove={(e) => {
          const d = drag.current;
          if (d !== null) setCamera({ ...d.camera, x: d.camera.x - (e.clientX - d.x) * d.camera.scale, y: d.camera.y - (e.clientY - d.y) * d.camera.scale });
        }}
        onPointerUp={() => { drag.current = null; }}
      >
        {size.w > 0 && (
          <svg className={classes.svg} viewBox={`${c.x} ${c.y} ${size.w * c.scale} ${size.h * c.scale}`} preserveAspectRatio="none">
            <Edges graph={graph} placed={placed} />
            {graph.nodes.map((n) => <Box key={n.id} node={n} placed={placed} onSelect={onSelect} />)}
          </svg>
        )}
      </div>
    </Stack>
  );
}

function Edges({ graph, placed }: { graph: Graph; placed: Layout }) {
  const t = messages.useT();
  const scheme = useScheme();
  const m = meaning[scheme];
  const most = Math.max(1, ...graph.edges.map((e) => e.count));
  const names = new Map(graph.nodes.map((n) => [n.id, n.name]));
  return (
    <g>
      <defs>
        <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse" markerUnits="userSpaceOnUse"><path d="M0 0L8 4L0 8z" fill={m.axis} /></marker>
      </defs>
      {graph.edges.map((e) => {
        const a = placed.at.get(e.from);
        const b = placed.at.get(e.to);
        if (a === undefined || b === undefined) return null;
        const label = t('edge', { from: names.get(e.from) ?? '', to: names.get(e.to) ?? '', count: e.count });
        const self = e.from === e.to;
        const back = !self && b.layer <= a.layer;
        const x1 = a.x + box.width;
        const y1 = a.y + box.height / 2;
        const x2 = b.x;
        const y2 = b.y + box.height / 2;
        const bend = Math.max(30, Math.abs(x2 - x1) / 2);
        const low = Math.max(a.y, b.y) + box.height + 26;
        const path = self
          ? `M${a.x + box.width - 40} ${a.y + box.height} c 0 26 30 26 30 0`
          : back
            ? `M${a.x + box.width / 2} ${a.y + box.height} C${a.x + box.width / 2} ${low} ${b.x + box.width / 2} ${low} ${b.x + box.width / 2} ${b.y + box.height}`
            : `M${x1} ${y1} C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
        const middle = self ? { x: a.x + box.width - 25, y: a.y + box.height + 26 } : back ? { x: (a.x + b.x + box.width) / 2, y: low - 8 } : { x: (x1 + x2) / 2, y: (y1 + y2) / 2 };
        return (
          <g key={`${e.from}\n${e.to}`}>
            <path d={path} fill="none" stroke={e.errors > 0 ? m.critical : m.axis} strokeWidth={1 + 2.5 * (e.count / most)} strokeOpacity="0.65" strokeDasharray={back ? '5 4' : undefined} markerEnd="url(#arrow)"><title>{label}</title></path>
            <text x={middle.x} y={middle.y} className={classes.edgeText}>{t('times', { count: e.count })}{e.errors > 0 ? ` ✕${e.errors}` : ''}</text>
          </g>
        );
      })}
    </g>
  );
}

function Box({ node, placed, onSelect }: { node: GraphNode; placed: Layout; onSelect: (id: string) => void }) {
  const t = messages.useT();
  const scheme = useScheme();
  const p = placed.at.get(node.id);
  if (p === undefined) return null;
  const kind = node.kind === 'entry' ? 'other' : node.kind;
  const cost = node.calls === 0 ? '' : node.unpriced === node.calls ? t('unpricedCount', { count: node.unpriced }) : `${node.estimated ? '≈' : ''}${usd(node.usd)}${node.unpriced > 0 ? ` +${node.unpriced}?` : ''}`;
  const open = () => { if (node.first !== undefined) onSelect(node.first); };
  const word = node.kind === 'entry' ? t('entry') : t(`kind-${kind}`);
  return (
    <g
      transform={`translate(${p.x} ${p.y})`} data-node="" className={classes.node} role="button" tabIndex={0} aria-label={t('nodeLabel', { kind: word, name: node.name, count: node.count, d: duration(node.seconds) })}
      onClick={open} onKeyDown={(e) => { if (e.key === 'Enter' || e.key === ' ') { e.preventDefault(); e.stopPropagation(); open(); } }}
    >
      <rect width={box.width} height={box.height} rx="7" className={classes.rect} stroke={kindColour(kind, scheme)} />
      <rect width="4" height={box.height} rx="2" fill={kindColour(kind, scheme)} />
      <g transform="translate(12 9)"><KindIcon kind={kind} scheme={scheme} size={15} /></g>
      <text x="32" y="21" className={classes.name}>{node.name.length > 21 ? `${node.name.slice(0, 20)}…` : node.name}<title>{node.name}</title></text>
      <text x="12" y="40" className={classes.small}>{word} {node.kind === 'entry' ? '' : `${t('times', { count: node.count })} · ${duration(node.seconds)}`}{node.errors > 0 ? ` · ✕ ${node.errors}` : ''}</text>
      <text x="12" y="56" className={classes.small}>{node.calls > 0 ? `${cost} · ${short(node.input)} → ${short(node.output)}` : ''}</text>
    </g>
  );
}
