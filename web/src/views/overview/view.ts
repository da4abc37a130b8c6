// Which panels are shown: those of a role, less what a person has hidden. The
// choice is in the URL, and in the browser for the next time.

import { useEffect, useState } from 'react';
import { useParams } from '~/state/url';

export const roles = ['all', 'on-call', 'developer', 'finance', 'product'] as const;
export type Role = (typeof roles)[number];

export const panelIDs = ['requests', 'latency', 'errors', 'ttft', 'heatmap', 'speed', 'tokens', 'cost', 'models', 'by_model', 'latency_by_model', 'active', 'cost_by_service', 'by_service', 'quality'] as const;
export type PanelID = (typeof panelIDs)[number];

export const figureIDs = ['requests', 'success', 'latency', 'ttft', 'speed', 'tokens', 'cost', 'cost_per_call', 'unpriced', 'cached'] as const;
export type FigureID = (typeof figureIDs)[number];

export const panelsOf: Record<Role, readonly PanelID[]> = {
  all: ['requests', 'latency', 'errors', 'heatmap', 'ttft', 'speed', 'tokens', 'cost', 'models', 'by_model', 'latency_by_model'],
  'on-call': ['requests', 'errors', 'latency', 'heatmap', 'ttft', 'latency_by_model', 'active', 'by_model', 'by_service', 'models'],
  developer: ['latency', 'heatmap', 'ttft', 'speed', 'errors', 'tokens', 'models', 'latency_by_model', 'by_model'],
  finance: ['cost', 'cost_by_service', 'tokens', 'by_model', 'models', 'by_service'],
  product: ['by_service', 'ttft', 'errors', 'speed', 'quality', 'cost_by_service', 'models'],
};

export const figuresOf: Record<Role, readonly FigureID[]> = {
  all: ['requests', 'success', 'latency', 'ttft', 'speed', 'tokens', 'cost'],
  'on-call': ['requests', 'success', 'latency', 'ttft', 'speed', 'tokens', 'cost'],
  developer: ['requests', 'success', 'latency', 'ttft', 'speed', 'tokens', 'cost_per_call'],
  finance: ['cost', 'cost_per_call', 'unpriced', 'tokens', 'cached', 'requests'],
  product: ['requests', 'success', 'ttft', 'speed', 'tokens', 'cost'],
};

const known = (x: string): x is PanelID => (panelIDs as readonly string[]).includes(x);

export function roleOf(text: string | null | undefined): Role | undefined {
  return roles.find((r) => r === text);
}

/** The panels of a text like "requests,cost"; those of the role where it is absent. Unknown names are left out. */
export function shownPanels(role: Role, text: string | null): PanelID[] {
  if (text === null) return [...panelsOf[role]];
  return [...new Set(text.split(',').filter(known))];
}

/** The text for a choice: null where it is the role's own; "none" where nothing is shown. */
export function panelsText(role: Role, shown: readonly PanelID[]): string | null {
  if (shown.length === 0) return 'none';
  const own = panelsOf[role];
  return own.length === shown.length && own.every((p, i) => p === shown[i]) ? null : shown.join(',');
}

/** Hides a panel, or shows it: at the place that it has in the role, else last. */
export function toggled(role: Role, shown: readonly PanelID[], id: PanelID): PanelID[] {
  if (shown.includes(id)) return shown.filter((p) => p !== id);
  const own = panelsOf[role];
  const at = own.indexOf(id);
  if (at < 0) return [...shown, id];
  const next = shown.findIndex((p) => own.indexOf(p) > at);
  return next < 0 ? [...shown, id] : [...shown.slice(0, next), id, ...shown.slice(next)];
}

interface Stored {
  role?: string;
  panels?: Record<string, string>;
}

const key = 'pitot.overview';

function load(): Stored {
  try {
    return JSON.parse(window.localStorage.getItem(key) ?? '{}') as Stored;
  } catch {
    return {};
  }
}

export interface View {
  role: Role;
  shown: PanelID[];
  changed: boolean;
  setRole(r: Role): void;
  toggle(id: PanelID): void;
  reset(): void;
}

export function useView(): View {
  const [params, set] = useParams();
  const [stored, setStored] = useState(load);
  const asked = roleOf(params.get('role'));
  const role = asked ?? roleOf(stored.role) ?? 'all';
  const text = params.get('panels') ?? (asked === undefined || params.get('panels') !== null ? (stored.panels?.[role] ?? null) : null);
  const shown = shownPanels(role, text);

  // What the browser remembers goes into the address, so that it can be passed on.
  useEffect(() => {
    if (asked === undefined && (role !== 'all' || text !== null)) set({ role: role, panels: text });
    // Only when the page is opened without a role.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [asked]);

  const keep = (r: Role, panels: string | null) => {
    const { [r]: _, ...others } = stored.panels ?? {};
    const next: Stored = { role: r, panels: panels === null ? others : { ...others, [r]: panels } };
    window.localStorage.setItem(key, JSON.stringify(next));
    setStored(next);
    set({ role: r, panels });
  };
  return {
    role, shown,
    changed: panelsText(role, shown) !== null,
    setRole: (r) => keep(r, stored.panels?.[r] ?? null),
    toggle: (id) => keep(role, panelsText(role, toggled(role, shown, id))),
    reset: () => keep(role, null),
  };
}
