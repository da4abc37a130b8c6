import { useCallback, useEffect, useRef, useState } from 'react';
import { tail, type Row } from '~/api/logsql';

export const tailCap = 2000;

export interface Tail {
  rows: Row[];
  /** Came while it was paused. */
  waiting: number;
  paused: boolean;
  setPaused: (p: boolean) => void;
  error: unknown;
  since: number;
  seen: number;
}

/** Follows new rows, the newest first. Rows are shown twice a second at most, however fast they come. */
export function useTail(query: string, on: boolean): Tail {
  const [shown, setShown] = useState<{ rows: Row[]; seen: number }>({ rows: [], seen: 0 });
  const [waiting, setWaiting] = useState(0);
  const [paused, setPausedState] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [since, setSince] = useState(() => Date.now());
  const buffer = useRef<Row[]>([]);
  const hold = useRef(false);
  const setPaused = useCallback((p: boolean) => {
    hold.current = p;
    setPausedState(p);
  }, []);
  useEffect(() => {
    if (!on) return;
    const abort = new AbortController();
    buffer.current = [];
    setShown({ rows: [], seen: 0 });
    setError(null);
    setSince(Date.now());
    setPaused(false);
    void (async () => {
      try {
        for await (const row of tail(query, abort.signal)) {
          buffer.current.push(row);
          if (buffer.current.length > tailCap) buffer.current.splice(0, buffer.current.length - tailCap);
        }
      } catch (e) {
        if (!abort.signal.aborted) setError(e);
      }
    })();
    const timer = window.setInterval(() => {
      if (hold.current || buffer.current.length === 0) {
        setWaiting(buffer.current.length);
        return;
      }
      const fresh = buffer.current.splice(0).reverse();
      setWaiting(0);
      setShown((was) => ({ rows: [...fresh, ...was.rows].slice(0, tailCap), seen: was.seen + fresh.length }));
    }, 500);
    return () => {
      abort.abort();
      window.clearInterval(timer);
    };
  }, [query, on, setPaused]);
  return { ...shown, waiting, paused, setPaused, error, since };
}
