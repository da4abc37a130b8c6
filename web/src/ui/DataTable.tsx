// A table of any length: only the rows in sight are in the page. Sorting is the
// server's; a table of what is whole already may sort itself with useSorted.

import { Box, UnstyledButton } from '@mantine/core';
import { IconArrowDown, IconArrowUp } from '@tabler/icons-react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import classes from './table.module.css';

export interface Column<T> {
  id: string;
  title: ReactNode;
  /** A CSS grid width: 120px, minmax(120px, 1fr). */
  width?: string;
  align?: 'left' | 'right';
  cell: (row: T, index: number) => ReactNode;
  /** The order to ask for when its title is clicked; absent: it cannot be sorted by. */
  sort?: string;
  /** For useSorted. */
  value?: (row: T) => string | number | undefined;
}

export interface DataTableProps<T> {
  columns: readonly Column<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string;
  label: string;
  /** What the rows are of. With another filter, order or part of the whole the table begins at its top again. */
  of?: string;
  rowHeight?: number;
  /** Height of the scrolled part; default: as many rows as there are, up to maxHeight. */
  height?: number | string;
  maxHeight?: number | string;
  order?: string;
  descending?: boolean;
  onSort?: (sort: string) => void;
  onOpen?: (row: T, index: number) => void;
  /** Of the row that is open elsewhere on the page. */
  selected?: string;
  /** Called when the end comes into sight. */
  onEnd?: () => void;
  /** After the last row: that more is loading, or that this is all. */
  footer?: ReactNode;
  rowTone?: (row: T) => 'critical' | 'warning' | undefined;
}

/** Of the head, which takes the place of a row: a row that is scrolled to must not end below the edge. */
const headHeight = 31;

export function DataTable<T>({ columns, rows, rowKey, label, of, rowHeight = 32, height, maxHeight = 560, order, descending = true, onSort, onOpen, selected, onEnd, footer, rowTone }: DataTableProps<T>) {
  const scroller = useRef<HTMLDivElement>(null);
  const [focus, setFocus] = useState(-1);
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => rowHeight, overscan: 12, scrollPaddingEnd: headHeight });
  const template = columns.map((c) => c.width ?? 'minmax(90px, 1fr)').join(' ');
  const least = leastWidth(columns.map((c) => c.width ?? 'minmax(90px, 1fr)'));
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? -1;
  const ended = useRef(onEnd);
  ended.current = onEnd;
  useEffect(() => {
    if (rows.length > 0 && last >= rows.length - 5) ended.current?.();
  }, [last, rows.length]);

  // A row gets the focus when a key has moved to it, once it is in the page; not when one scrolls.
  const wanted = useRef(false);
  const move = (to: number) => {
    const next = Math.max(0, Math.min(rows.length - 1, to));
    wanted.current = true;
    setFocus(next);
    virtual.scrollToIndex(next);
  };
  useEffect(() => {
    const el = wanted.current ? scroller.current?.querySelector<HTMLElement>(`[data-index="${focus}"]`) : undefined;
    if (!el) return;
    wanted.current = false;
    el.focus({ preventScroll: true });
  }, [focus, items]);

  const shown = useRef(of);
  useEffect(() => {
    if (shown.current === of) return;
    shown.current = of;
    setFocus(-1);
    scroller.current?.scrollTo({ top: 0 });
  }, [of]);

  // The row that is open elsewhere stays in sight when it changes there.
  useEffect(() => {
    const at = selected === undefined ? -1 : rows.findIndex((r) => rowKey(r) === selected);
    if (at < 0) return;
    wanted.current = at !== focus && scroller.current?.contains(document.activeElement) === true;
    setFocus(at);
    virtual.scrollToIndex(at);
    // Rows that come in do not move the view.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [selected]);

  const onKeyDown = (e: React.KeyboardEvent) => {
    const row = rows[focus];
    if (e.key === 'ArrowDown' || (e.key === 'j' && onOpen)) move(focus + 1);
    else if (e.key === 'ArrowUp' || (e.key === 'k' && onOpen)) move(focus - 1);
    else if (e.key === 'Home') move(0);
    else if (e.key === 'End') move(rows.length - 1);
    else if (e.key === 'PageDown') move(focus + 15);
    else if (e.key === 'PageUp') move(focus - 15);
    else if (e.key === 'Enter' && row !== undefined && onOpen && e.target instanceof HTMLElement && e.target.dataset.index !== undefined) onOpen(row, focus);
    else return;
    e.preventDefault();
  };

  const open = useRef(onOpen);
  open.current = onOpen;
  const actions = useMemo<RowActions>(() => ({ focus: setFocus, open: (row, index) => open.current?.(row as T, index) }), []);

  return (
    <div className={classes.outer} style={typeof height === 'string' ? { height } : undefined}>
      <div ref={scroller} className={classes.scroller} style={{ height, maxHeight: height === undefined ? maxHeight : undefined }} role="table" aria-label={label} aria-rowcount={rows.length + 1} onKeyDown={onKeyDown} tabIndex={rows.length > 0 && onOpen !== undefined ? undefined : 0}>
        <div role="rowgroup" className={classes.head} style={{ minWidth: least }}>
          <div role="row" aria-rowindex={1} className={classes.headRow} style={{ gridTemplateColumns: template }}>
            {columns.map((c) => {
              const active = c.sort !== undefined && c.sort === order;
              return (
                <div key={c.id} role="columnheader" className={classes.th} data-align={c.align} aria-sort={active ? (descending ? 'descending' : 'ascending') : undefined}>
                  {c.sort !== undefined && onSort ? (
                    <UnstyledButton className={classes.sort} onClick={() => onSort(c.sort ?? '')}>
                      {c.title}
                      {active && (descending ? <IconArrowDown size={12} /> : <IconArrowUp size={12} />)}
                    </UnstyledButton>
                  ) : c.title}
                </div>
              );
            })}
          </div>
        </div>
        <Box role="rowgroup" className={classes.body} style={{ height: virtual.getTotalSize(), minWidth: least }}>
          {items.map((v) => {
            const row = rows[v.index];
            if (row === undefined) return null;
            const key = rowKey(row);
            return (
              <Row
                key={v.key} row={row} index={v.index} start={v.start} height={rowHeight} columns={columns as readonly Column<unknown>[]} template={template} actions={actions}
                selected={selected === undefined ? undefined : selected === key} tone={rowTone?.(row)} clickable={onOpen !== undefined} tabbable={v.index === Math.max(focus, 0)}
              />
            );
          })}
        </Box>
        {footer !== undefined && <div className={classes.footer}>{footer}</div>}
      </div>
    </div>
  );
}

interface RowActions {
  focus: (index: number) => void;
  open: (row: unknown, index: number) => void;
}

/** A row is drawn anew only when something of it changes, so that scrolling stays smooth. */
const Row = memo(function Row({ row, index, start, height, columns, template, actions, selected, tone, clickable, tabbable }: { row: unknown; index: number; start: number; height: number; columns: readonly Column<unknown>[]; template: string; actions: RowActions; selected: boolean | undefined; tone: string | undefined; clickable: boolean; tabbable: boolean }) {
  const click = (e: React.MouseEvent) => {
    if (e.target instanceof Element && e.target.closest('a,button,input,label')) return;
    actions.focus(index);
    actions.open(row, index);
  };
  return (
    <div
      role="row" aria-rowindex={index + 2} aria-selected={selected} data-index={index} data-tone={tone} data-clickable={clickable ? '' : undefined} tabIndex={clickable ? (tabbable ? 0 : -1) : undefined} className={classes.row}
      style={{ gridTemplateColumns: template, height, transform: `translateY(${start}px)` }} onClick={clickable ? click : undefined} onFocus={() => actions.focus(index)}
    >
      {columns.map((c) => (
        <div key={c.id} role="cell" className={classes.td} data-align={c.align}>{c.cell(row, index)}</div>
      ))}
    </div>
  );
});

/** The width that the columns need at least, so that titles and rows, which are laid out each for itself, agree. */
export function leastWidth(widths: readonly string[]): number {
  const gaps = 12 * (widths.length - 1) + 16; // column-gap and padding of a row
  return widths.reduce((sum, w) => sum + Number(/(\d+(?:\.\d+)?)px/.exec(w)?.[1] ?? 0), gaps);
}

/** Sorts rows that are all there. Returns what DataTable needs. */
export function useSorted<T>(rows: readonly T[], columns: readonly Column<T>[], initial: string): { rows: T[]; order: string; descending: boolean; onSort: (s: string) => void; columns: Column<T>[] } {
  const [state, setState] = useState({ order: initial, descending: true });
  const sortable = useMemo(() => columns.map((c) => (c.value !== undefined && c.sort === undefined ? { ...c, sort: c.id } : c)), [columns]);
  const sorted = useMemo(() => {
    const value = sortable.find((c) => c.sort === state.order)?.value;
    if (value === undefined) return [...rows];
    const sign = state.descending ? -1 : 1;
    return [...rows].sort((a, b) => {
      const x = value(a);
      const y = value(b);
      if (x === undefined || y === undefined) return x === y ? 0 : x === undefined ? 1 : -1; // unknown last
      return sign * (typeof x === 'string' || typeof y === 'string' ? String(x).localeCompare(String(y)) : x - y);
    });
  }, [rows, sortable, state]);
  return { rows: sorted, ...state, columns: sortable, onSort: (s) => setState((was) => ({ order: s, descending: was.order === s ? !was.descending : true })) };
}
