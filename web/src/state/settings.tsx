// What a person chooses for this browser: time zone, how times are shown, how
// often pages refresh. Theme is Mantine's, language i18n's.

import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';

export type Zone = 'local' | 'UTC';

interface Stored {
  zone: Zone;
  relative: boolean;
  /** Seconds between refreshes; 0 for none. */
  refresh: number;
}

export interface Settings extends Stored {
  change(s: Partial<Stored>): void;
  /** The moment that live ranges end at; it moves with each refresh. */
  tick: number;
  refreshNow(): void;
  /** The IANA name: Asia/Shanghai. */
  zoneName: string;
}

const key = 'pitot.settings';
const initial: Stored = { zone: 'local', relative: false, refresh: 30 };

function load(): Stored {
  try {
    const v = JSON.parse(window.localStorage.getItem(key) ?? '{}') as Partial<Stored>;
    return {
      zone: v.zone === 'UTC' ? 'UTC' : 'local',
      relative: v.relative === true,
      refresh: typeof v.refresh === 'number' && v.refresh >= 0 ? v.refresh : initial.refresh,
    };
  } catch {
    return initial;
  }
}

const Context = createContext<Settings | null>(null);

export function SettingsProvider({ children }: { children: ReactNode }) {
  const [stored, setStored] = useState(load);
  const [tick, setTick] = useState(() => Date.now());
  const refreshNow = useCallback(() => setTick(Date.now()), []);
  useEffect(() => {
    if (stored.refresh === 0) return;
    const timer = window.setInterval(() => {
      if (document.visibilityState === 'visible') setTick(Date.now());
    }, stored.refresh * 1000);
    // A page that comes back into sight shows the present.
    const seen = () => {
      if (document.visibilityState === 'visible') setTick((t) => (Date.now() - t > stored.refresh * 1000 ? Date.now() : t));
    };
    document.addEventListener('visibilitychange', seen);
    return () => {
      window.clearInterval(timer);
      document.removeEventListener('visibilitychange', seen);
    };
  }, [stored.refresh]);
  const change = useCallback((s: Partial<Stored>) => {
    setStored((was) => {
      const next = { ...was, ...s };
      window.localStorage.setItem(key, JSON.stringify(next));
      return next;
    });
  }, []);
  const value = useMemo<Settings>(
    () => ({ ...stored, change, tick, refreshNow, zoneName: stored.zone === 'UTC' ? 'UTC' : Intl.DateTimeFormat().resolvedOptions().timeZone }),
    [stored, change, tick, refreshNow],
  );
  return <Context value={value}>{children}</Context>;
}

export function useSettings(): Settings {
  const s = useContext(Context);
  if (s === null) throw new Error('useSettings needs a SettingsProvider');
  return s;
}
