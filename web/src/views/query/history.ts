// Queries that were run, kept in this browser.

import { useSyncExternalStore } from 'react';

const key = 'pitot.queries';
const most = 60;

/** Puts the newest first, each once. */
export function remembered(list: readonly string[], expr: string): string[] {
  const text = expr.trim();
  return text === '' ? [...list] : [text, ...list.filter((e) => e !== text)].slice(0, most);
}

function load(): string[] {
  try {
    const v: unknown = JSON.parse(window.localStorage.getItem(key) ?? '[]');
    return Array.isArray(v) ? v.filter((e): e is string => typeof e === 'string').slice(0, most) : [];
  } catch {
    return [];
  }
}

let list: string[] | undefined;
const listeners = new Set<() => void>();

function set(next: string[]): void {
  list = next;
  try {
    window.localStorage.setItem(key, JSON.stringify(next));
  } catch {
    // Storage is full or forbidden: the history lasts as long as the page.
  }
  for (const l of listeners) l();
}

export function remember(expr: string): void {
  set(remembered((list ??= load()), expr));
}

export function forgetAll(): void {
  set([]);
}

export function useHistory(): string[] {
  return useSyncExternalStore(
    (l) => {
      listeners.add(l);
      return () => listeners.delete(l);
    },
    () => (list ??= load()),
  );
}
