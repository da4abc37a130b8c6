// The URL is the state: every filter, range and open panel is a parameter of it.

import { useCallback } from 'react';
import { useLocation, useSearch } from 'wouter';

export type Changes = Record<string, string | readonly string[] | null | undefined>;

/** Applies changes to a query string: null, undefined and '' remove a parameter. */
export function changed(search: string, changes: Changes): string {
  const q = new URLSearchParams(search);
  for (const [k, v] of Object.entries(changes)) {
    q.delete(k);
    if (v === null || v === undefined || v === '') continue;
    if (typeof v === 'string') q.set(k, v);
    else for (const each of v) q.append(k, each);
  }
  return q.toString();
}

/** All parameters, and a way to change some: in place by default, `push` for what Back should undo. */
export function useParams(): [URLSearchParams, (changes: Changes, o?: { push?: boolean }) => void] {
  const search = useSearch();
  const [, navigate] = useLocation();
  const set = useCallback(
    (changes: Changes, o: { push?: boolean } = {}) => {
      // What the address bar has now, so that two changes of one event both hold.
      const next = changed(window.location.search, changes);
      navigate(window.location.pathname + (next === '' ? '' : '?' + next), { replace: !o.push });
    },
    [navigate],
  );
  return [new URLSearchParams(search), set];
}

/** One parameter with a default that the URL does not show. */
export function useParam(name: string, initial = ''): [string, (value: string | null, o?: { push?: boolean }) => void] {
  const [params, set] = useParams();
  const value = params.get(name) ?? initial;
  return [value, useCallback((v, o) => set({ [name]: v === initial ? null : v }, o), [set, name, initial])];
}

/** A path with the parameters that every page shares: the range and the time zone stay when one moves on. */
export function withRange(path: string, search: string): string {
  const now = new URLSearchParams(search);
  const [pathname = '', own = ''] = path.split('?');
  const q = new URLSearchParams(own);
  for (const k of ['start', 'end', 'kiosk']) {
    const v = now.get(k);
    if (v !== null && !q.has(k)) q.set(k, v);
  }
  const s = q.toString();
  return pathname + (s === '' ? '' : '?' + s);
}
