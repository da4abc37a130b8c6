// A dashboard as GET /api/pitot/v1/dashboards defines it; docs/dashboards.md has
// its words.

import type { Unit } from '~/format/number';
import type { Language } from '~/i18n';

export type Text = Record<Language, string>;
export type Threshold = { value: number; level: 'ok' | 'warning' | 'critical' };

export interface Target {
  ref: string;
  expr: string;
  legend: Text;
  /** Evaluated at the end of the range only. */
  instant?: boolean;
  exemplars?: boolean;
  /** Of a column, where it differs from the panel's. */
  unit?: Unit;
}

export interface PanelLink {
  title: Text;
  /** With Grafana's placeholders. */
  path: string;
  /** It is that of one series. */
  series?: boolean;
}

export type PanelKind = 'timeseries' | 'stat' | 'table' | 'heatmap' | 'bar' | 'traces' | 'text';

export interface PanelDefinition {
  id: string;
  kind: PanelKind;
  title: Text;
  description?: Text;
  unit?: Unit;
  /** Of 24. */
  width?: number;
  /** In rows of about 30 pixels. */
  height?: number;
  stacked?: boolean;
  /** The level below the first threshold. */
  base?: Threshold['level'];
  thresholds?: Threshold[];
  targets?: Target[];
  trace?: { service: string; tags?: Record<string, string>; limit: number };
  content?: Text;
  links?: PanelLink[];
}

export interface Variable {
  name: string;
  kind: 'label' | 'datasource' | 'custom' | 'text';
  label: Text;
  selector?: string;
  from?: string;
  values?: string[];
  default?: string;
  multi?: boolean;
  hidden?: boolean;
}

export interface Dashboard {
  id: string;
  uid: string;
  title: Text;
  description: Text;
  roles: string[];
  /** The range that is shown at first: now-1h. */
  from: string;
  refresh: string;
  variables: Variable[];
  rows: { title: Text; panels: PanelDefinition[] }[];
}

/** What was chosen for each variable; nothing is every value. */
export type Chosen = Record<string, readonly string[]>;
