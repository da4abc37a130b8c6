// Calls as they end. What is kept is bounded, and what a reader looks at stays
// where it is: while paused, new calls wait.

import { useCallback, useEffect, useRef, useState } from 'react';
import { base, queryString, type Params } from '~/api/client';
import type { Call } from '~/api/types';
import { apiFields, apiParams, type Condition, type Filters } from './filters';

/** The latest calls that are kept. */
export const mostLive = 1_000;

const fieldOf = (c: Call, field: string): string[] => {
  if (field.startsWith('tags.')) return [c.tags?.[field.slice(5)] ?? ''];
  switch (field) {
    case 'model': return [c.request_model ?? '', c.response_model ?? ''];
    case 'cost.state': return [c.cost.state];
    case 'stream': return [c.stream === true ? 'true' : ''];
    case 'finish_reasons': return [JSON.stringify(c.finish_reasons ?? [])];
    default: {
      const v = c[field as keyof Call];
      return [typeof v === 'string' || typeof v === 'number' ? String(v) : ''];
    }
  }
};

/** Whether a call is what a condition asks for, as the server would say it. */
export function meets(c: Call, conditions: readonly Condition[]): boolean {
  return conditions.every((k) => {
    const values = k.not && k.field === 'model' ? [c.request_model ?? ''] : fieldOf(c, k.field);
    return values.some((v) => k.values.includes(v)) !== k.not;
  });
}

/** What the endpoint filters by itself, and what is left for here. With a search or a LogsQL filter the server filters by all. */
export function splitLive(f: Filters): { params: Params; rest: Condition[] } {
  if (f.search.trim() !== '' || f.query.trim() !== '') return { params: apiParams(f), rest: [] };
  const params: Params = { min_duration: f.min, max_duration: f.max };
  const rest: Condition[] = [];
  for (const c of f.conditions) {
    if (!c.not && c.values.length === 1 && ((apiFields as readonly string[]).includes(c.field) || c.field.startsWith('tags.'))) params[c.field] = c.values[0];
    else rest.push(c);
  }
  return { params, rest };
}

/** Arrivals of the last ten seconds by the second; of fewer in the first ones. Forgets those before. */
export function rateOf(arrivals: number[], since: number, now: number): number {
  while ((arrivals[0] ?? Infinity) < now - 10_000) arrivals.shift();
  return arrivals.length / Math.min(10, Math.max(1, (now - since) / 1000));
}

export interface LiveCalls {
  rows: readonly Call[];
  /** New ones that wait because the list is paused or being read. */
  waiting: number;
  /** Calls that came in since the start, and how many a second of late. */
  rate: number | undefined;
  connected: boolean;
  show: () => void;
}

export function useLive(filters: Filters, held: boolean): LiveCalls {
  const { params, rest } = splitLive(filters);
  const key = JSON.stringify([params, rest]);
  const [rows, setRows] = useState<readonly Call[]>([]);
  const [waiting, setWaiting] = useState<readonly Call[]>([]);
  const [connected, setConnected] = useState(true);
  const [rate, setRate] = useState<number>();
  const hold = useRef(held);
  hold.current = held;
  useEffect(() => {
    setRows([]);
    setWaiting([]);
    const [asked, others] = JSON.parse(key) as [Params, Condition[]];
    const source = new EventSource(base + '/calls/follow' + queryString(asked));
    let fresh: Call[] = [];
    const arrivals: number[] = [];
    const since = Date.now();
    source.onopen = () => setConnected(true);
    source.onerror = () => setConnected(false);
    source.onmessage = (e: MessageEvent<string>) => {
      try {
        const c = JSON.parse(e.data) as Call;
        if (!meets(c, others)) return;
        fresh.push(c);
        arrivals.push(Date.now());
      } catch {
        // no call
      }
    };
    // A busy server sends hundreds a second: the page is drawn four times a second.
    const timer = window.setInterval(() => {
      setRate(rateOf(arrivals, since, Date.now()));
      if (fresh.length === 0) return;
      const some = fresh.reverse().slice(0, mostLive);
      fresh = [];
      if (hold.current) setWaiting((was) => [...some, ...was].slice(0, mostLive));
      else setRows((was) => [...some, ...was].slice(0, mostLive));
    }, 250);
    return () => {
      window.clearInterval(timer);
      source.close();
    };
  }, [key]);
  const show = useCallback(() => {
    setWaiting((w) => {
      if (w.length > 0) setRows((was) => [...w, ...was].slice(0, mostLive));
      return [];
    });
  }, []);
  useEffect(() => {
    if (!held) show();
  }, [held, show]);
  return { rows, waiting: waiting.length, rate, connected, show };
}
