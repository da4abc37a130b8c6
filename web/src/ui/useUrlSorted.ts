// Rows that are all here, sorted as the URL says: order=calls, order=-calls for
// descending.

import { useMemo } from 'react';
import { useParam } from '~/state/url';
import type { Column } from './DataTable';

export interface Order {
  by: string;
  descending: boolean;
}

export function parseOrder(text: string): Order {
  return text.startsWith('-') ? { by: text.slice(1), descending: true } : { by: text, descending: false };
}

/** The order after a title was clicked: largest first, then turned around. */
export function nextOrder(now: Order, clicked: string): string {
  return now.by === clicked && now.descending ? clicked : `-${clicked}`;
}

/** Sorts; what is not known comes last in either direction. */
export function sortRows<T>(rows: readonly T[], value: ((row: T) => string | number | undefined) | undefined, descending: boolean): T[] {
  if (value === undefined) return [...rows];
  const sign = descending ? -1 : 1;
  return [...rows].sort((a, b) => {
    const x = value(a);
    const y = value(b);
    if (x === undefined || y === undefined) return x === y ? 0 : x === undefined ? 1 : -1;
    return sign * (typeof x === 'string' || typeof y === 'string' ? String(x).localeCompare(String(y)) : x - y);
  });
}

export function useUrlSorted<T>(rows: readonly T[], columns: readonly Column<T>[], initial: string, param = 'order') {
  const [text, set] = useParam(param, initial);
  const order = parseOrder(text);
  const sortable = useMemo(() => columns.map((c) => (c.value !== undefined && c.sort === undefined ? { ...c, sort: c.id } : c)), [columns]);
  const sorted = useMemo(() => sortRows(rows, sortable.find((c) => c.sort === order.by)?.value, order.descending), [rows, sortable, order.by, order.descending]);
  return { rows: sorted, columns: sortable, order: order.by, descending: order.descending, onSort: (clicked: string) => set(nextOrder(order, clicked)) };
}
