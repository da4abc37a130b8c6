import { memo } from 'react';
import { colour, type Scheme } from '~/chart/palette';
import { duration, short, usd } from '~/format/number';
import type { Ticks } from '~/timeline/decode';
import type { View } from '~/timeline/view';
import { Bar } from './Bars';
import type { Section } from './critical';
import { KindIcon, type Kind } from './kinds';
import { traces as messages } from './messages';
import type { LogLine, Node } from './tree';
import classes from './waterfall.module.css';

export const rowHeight = 26;

/** Deep trees are indented up to here; further down the depth is a number. */
const deepest = 18;
const indent = 13;

export interface Shape {
  nameWidth: number;
  /** 0: not shown. */
  sumsWidth: number;
  laneWidth: number;
}

/** The texts of rows, looked up once for all of them. */
export interface RowWords {
  kinds: Record<Kind, string>;
  container: string;
  containerHint: string;
  missingParent: string;
  missingParentHint: string;
  subtree: string;
  error: string;
}

export interface SpanRowProps {
  node: Node;
  top: number;
  shape: Shape;
  view: View;
  scheme: Scheme;
  words: RowWords;
  collapsed: boolean;
  selected: boolean;
  active: boolean;
  match: boolean;
  missingParent: boolean;
  ticks?: Ticks;
  critical?: readonly Section[];
  start: number;
  onToggle: (node: Node) => void;
  onSelect: (node: Node) => void;
}

export function rowId(spanId: string): string {
  return 'span-' + spanId;
}

/** One span. Plain elements: thousands of these go by while one scrolls. */
export const SpanRow = memo(function SpanRow({ node, top, shape, view, scheme, words, collapsed, selected, active, match, missingParent, ticks, critical, start, onToggle, onSelect }: SpanRowProps) {
  const s = node.span;
  const parent = node.children.length > 0;
  const name = s.name;
  return (
    <div
      id={rowId(s.span_id)} role="row" aria-level={node.depth + 1} aria-expanded={parent ? !collapsed : undefined} aria-selected={selected}
      aria-label={`${words.kinds[s.kind]} ${name}, ${s.service ?? ''}, +${duration(s.offset_seconds)}, ${duration(s.duration_seconds)}${s.status === 'error' ? `, ${s.error_type ?? words.error}` : ''}`}
      className={classes.row} data-active={active ? '' : undefined} data-match={match ? '' : undefined} style={{ height: rowHeight, transform: `translateY(${top}px)` }}
      onClick={() => onSelect(node)}
    >
      <div role="gridcell" className={classes.nameCell} style={{ width: shape.nameWidth, paddingLeft: 4 + Math.min(node.depth, deepest) * indent }}>
        <button type="button" tabIndex={-1} className={classes.fold} data-empty={parent ? undefined : ''} aria-hidden="true" onClick={(e) => { e.stopPropagation(); onToggle(node); }}>{collapsed ? '▸' : '▾'}</button>
        <span className={classes.stripe} style={{ background: colour(s.service ?? '', scheme) }} />
        {node.depth > deepest && <span className={classes.tag}>{node.depth}</span>}
        <KindIcon kind={s.kind} scheme={scheme} />
        <span className={classes.label} title={name}>{name}</span>
        {s.status === 'error' && <span className={classes.tag} data-tone="error" title={s.call?.error_message ?? s.span?.error_message}>✕ {s.error_type ?? words.error}</span>}
        {s.container === true && <span className={classes.tag} title={words.containerHint}>{words.container}</span>}
        {missingParent && <span className={classes.tag} title={words.missingParentHint}>{words.missingParent}</span>}
        {collapsed && <span className={classes.tag}>+{short(node.sum.spans - 1)}</span>}
        <span className={classes.service} title={s.service}>{s.service}</span>
      </div>
      {shape.sumsWidth > 0 && <Sums node={node} width={shape.sumsWidth} hint={words.subtree} />}
      <div role="gridcell" className={classes.lane}>
        <Bar node={node} view={view} width={shape.laneWidth} scheme={scheme} ticks={ticks} critical={critical} start={start} />
      </div>
    </div>
  );
});

/** Cost and tokens of the span and all below it. */
function Sums({ node, width, hint }: { node: Node; width: number; hint: string }) {
  const r = node.sum;
  const some = r.calls > 0;
  const unpriced = r.unpriced > 0 ? (r.unpriced === r.calls ? messages.t('unpricedCount', { count: r.unpriced }) : ` +${r.unpriced}?`) : '';
  const cost = !some ? '' : r.unpriced === r.calls ? unpriced : `${r.estimated ? '≈' : ''}${usd(r.usd)}${unpriced}`;
  return (
    <div role="gridcell" className={classes.sums} style={{ width }} title={!some ? undefined : r.unpriced > 0 ? `${hint}: ${messages.t('unpricedCount', { count: r.unpriced })}` : hint}>
      {some && <><span>{cost}</span><span style={{ minWidth: 84, textAlign: 'right' }}>{short(r.input)} → {short(r.output)}</span></>}
    </div>
  );
}

export interface LogRowProps {
  log: LogLine;
  depth: number;
  top: number;
  shape: Shape;
  view: View;
  onOpen: (log: LogLine) => void;
}

function levelOf(level: string): 'error' | 'warn' | undefined {
  const l = level.toLowerCase();
  if (['error', 'fatal', 'critical', 'panic', 'alert', 'emergency'].includes(l)) return 'error';
  return l.startsWith('warn') ? 'warn' : undefined;
}

export const LogRow = memo(function LogRow({ log, depth, top, shape, view, onOpen }: LogRowProps) {
  const x = ((log.at - view.from) / (view.to - view.from)) * shape.laneWidth;
  const level = levelOf(log.level);
  return (
    <div role="row" aria-level={depth + 1} aria-label={`${messages.t('log')} ${log.level} ${log.message}`} className={classes.row} style={{ height: rowHeight, transform: `translateY(${top}px)` }} onClick={() => onOpen(log)}>
      <div role="gridcell" className={classes.nameCell} style={{ width: shape.nameWidth + shape.sumsWidth, paddingLeft: 24 + Math.min(depth, deepest) * indent }}>
        <span className={classes.tag} data-tone={level === 'error' ? 'error' : undefined}>{log.level === '' ? messages.t('log') : log.level}</span>
        <span className={classes.logText} title={log.message}>{log.message}</span>
      </div>
      <div role="gridcell" className={classes.lane}>
        {x >= 0 && x <= shape.laneWidth && <span className={classes.logMark} data-level={level} style={{ left: x }} title={messages.t('atTime', { d: duration(log.at) })} />}
      </div>
    </div>
  );
});
