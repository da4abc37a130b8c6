// Alerts of the rules and of the Alertmanager put together. Pure.

import type { Labels } from '~/api/prom';
import type { Language } from '~/i18n';

export interface RuleAlert {
  labels: Labels;
  annotations: Labels;
  state: 'pending' | 'firing';
  activeAt: string;
  value: string;
}

export interface Rule {
  name: string;
  query: string;
  type: 'alerting' | 'recording';
  health: 'ok' | 'err' | 'unknown';
  lastError?: string;
  evaluationTime: number;
  lastEvaluation: string;
  labels?: Labels;
  annotations?: Labels;
  /** Of alerting rules. */
  state?: 'inactive' | 'pending' | 'firing' | 'unknown';
  duration?: number;
  keepFiringFor?: number;
  alerts?: RuleAlert[];
}

export interface RuleGroup {
  name: string;
  file: string;
  interval: number;
  rules: Rule[];
}

export interface ManagerAlert {
  fingerprint: string;
  labels: Labels;
  annotations: Labels;
  startsAt: string;
  endsAt: string;
  generatorURL?: string;
  receivers: { name: string }[];
  status: { state: 'active' | 'suppressed' | 'unprocessed'; silencedBy: string[]; inhibitedBy: string[]; mutedBy?: string[] };
}

export interface AlertItem {
  key: string;
  name: string;
  severity: string;
  state: 'pending' | 'firing';
  labels: Labels;
  annotations: Labels;
  /** Milliseconds. */
  since: number;
  value?: number;
  expr?: string;
  /** Seconds that its condition has to hold. */
  holds?: number;
  silencedBy: string[];
  inhibitedBy: string[];
  muted: boolean;
  receivers: string[];
  generatorURL?: string;
}

export function keyOf(labels: Labels): string {
  return Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => `${k}=${JSON.stringify(v)}`).join(',');
}

/** A short stable name of an alert for the URL. */
export function shortKey(key: string): string {
  let a = 2166136261;
  let b = 5381;
  for (let i = 0; i < key.length; i++) {
    a = Math.imul(a ^ key.charCodeAt(i), 16777619);
    b = Math.imul(b, 33) ^ key.charCodeAt(i);
  }
  return (a >>> 0).toString(36) + (b >>> 0).toString(36);
}

/** The Alertmanager may have more labels (external ones) than the rule gave. */
function covers(more: Labels, less: Labels): boolean {
  return Object.entries(less).every(([k, v]) => more[k] === v);
}

/** One list of what fires or is about to: the rules know the value and what is pending, the Alertmanager what is silenced, and the explanation. */
export function combine(groups: readonly RuleGroup[], manager: readonly ManagerAlert[]): AlertItem[] {
  const out: AlertItem[] = [];
  const exact = new Map(manager.map((a) => [keyOf(a.labels), a]));
  const used = new Set<ManagerAlert>();
  for (const g of groups) {
    for (const r of g.rules) {
      for (const a of r.alerts ?? []) {
        const key = keyOf(a.labels);
        const known = exact.get(key) ?? (a.state === 'firing' ? manager.find((x) => x.labels.alertname === a.labels.alertname && covers(x.labels, a.labels)) : undefined);
        if (known !== undefined) used.add(known);
        const value = Number(a.value);
        out.push({
          ...from(a.labels, { ...a.annotations, ...known?.annotations }, known), key, state: a.state, since: Date.parse(a.activeAt), expr: r.query,
          ...(Number.isFinite(value) ? { value } : {}), ...(r.duration === undefined ? {} : { holds: r.duration }),
        });
      }
    }
  }
  for (const a of manager) {
    if (used.has(a)) continue;
    const expr = exprOf(a.generatorURL);
    out.push({ ...from(a.labels, a.annotations, a), key: keyOf(a.labels), state: 'firing', since: Date.parse(a.startsAt), ...(expr === undefined ? {} : { expr }) });
  }
  return out;
}

function from(labels: Labels, annotations: Labels, known: ManagerAlert | undefined): Omit<AlertItem, 'key' | 'state' | 'since'> {
  return {
    name: labels.alertname ?? '', severity: labels.severity ?? '', labels, annotations,
    silencedBy: known?.status.silencedBy ?? [], inhibitedBy: known?.status.inhibitedBy ?? [], muted: (known?.status.mutedBy ?? []).length > 0,
    receivers: (known?.receivers ?? []).map((r) => r.name), ...(known?.generatorURL === undefined ? {} : { generatorURL: known.generatorURL }),
  };
}

function exprOf(url: string | undefined): string | undefined {
  if (url === undefined) return undefined;
  try {
    return new URL(url, 'http://x').searchParams.get('g0.expr') ?? undefined;
  } catch {
    return undefined;
  }
}

/** 0 is the most severe. */
export function rank(severity: string): number {
  switch (severity.toLowerCase()) {
    case 'critical': case 'page': case 'emergency': case 'fatal': return 0;
    case 'error': case 'major': case 'high': return 1;
    case 'warning': case 'ticket': case 'minor': case 'medium': return 2;
    case 'info': case 'low': return 3;
    default: return 4;
  }
}

export interface AlertGroup {
  name: string;
  severity: string;
  alerts: AlertItem[];
  firing: number;
  pending: number;
  quiet: number;
  since: number;
}

/** Whether people are told about it. */
export function isQuiet(a: AlertItem): boolean {
  return a.silencedBy.length > 0 || a.inhibitedBy.length > 0 || a.muted;
}

/** By severity and name; within, what fires and is not muted comes first, the oldest first. */
export function groupAlerts(list: readonly AlertItem[]): AlertGroup[] {
  const groups = new Map<string, AlertItem[]>();
  for (const a of list) groups.set(`${a.severity}\n${a.name}`, [...(groups.get(`${a.severity}\n${a.name}`) ?? []), a]);
  const order = (a: AlertItem) => (a.state === 'firing' ? 0 : 2) + (isQuiet(a) ? 1 : 0);
  return [...groups.values()]
    .map((alerts): AlertGroup => ({
      name: alerts[0]?.name ?? '', severity: alerts[0]?.severity ?? '',
      alerts: alerts.sort((a, b) => order(a) - order(b) || a.since - b.since),
      firing: alerts.filter((a) => a.state === 'firing' && !isQuiet(a)).length,
      pending: alerts.filter((a) => a.state === 'pending').length,
      quiet: alerts.filter(isQuiet).length,
      since: Math.min(...alerts.map((a) => a.since)),
    }))
    .sort((a, b) => Number(b.firing > 0) - Number(a.firing > 0) || rank(a.severity) - rank(b.severity) || a.name.localeCompare(b.name));
}

/** An annotation in the language of the page, where the rule has it. */
export function annotation(annotations: Labels, name: string, language: Language): string | undefined {
  const own = language === 'zh' ? annotations[name + '_zh'] : annotations[name];
  return own ?? annotations[name] ?? annotations[name + '_zh'];
}

const shownElsewhere = new Set(['summary', 'description', 'explanation', 'explanation_links', 'runbook_url', 'calls_url', 'traces_url', 'dashboard_url', 'pitot_metric']);

/** Annotations that have no place of their own. */
export function otherAnnotations(annotations: Labels): [string, string][] {
  return Object.entries(annotations).filter(([k]) => !shownElsewhere.has(k.replace(/_zh$/, '')));
}

/** A URL that the server made becomes a path of this page, wherever the page was reached; undefined for one of elsewhere. */
export function appPath(url: string | undefined): string | undefined {
  if (url === undefined || url === '') return undefined;
  let u: URL;
  try {
    u = new URL(url, 'http://pitot');
  } catch {
    return undefined;
  }
  if (u.protocol !== 'http:' && u.protocol !== 'https:') return undefined;
  const p = u.pathname.replace(/\/$/, '');
  const trace = /^\/(?:jaeger\/api\/)?traces?\/([0-9a-fA-F]+)$/.exec(p)?.[1];
  if (trace !== undefined) return `/traces/${trace}`;
  const call = /^(?:\/api\/pitot\/v1)?\/calls\/(\w+)$/.exec(p)?.[1];
  if (call !== undefined) return `/calls/${call}`;
  switch (p) {
    case '/calls': case '/api/pitot/v1/calls': return '/calls' + u.search;
    case '/traces': case '/api/pitot/v1/traces': return '/traces' + u.search;
    case '/graph': case '/query': return p + u.search;
    case '/api/pitot/v1/budgets': return '/cost/budgets';
    case '/api/pitot/v1/slos': return '/slos';
    default: return undefined;
  }
}

/** Links of "name: URL" lines. */
export function explanationLinks(text: string | undefined): { name: string; path: string }[] {
  const out: { name: string; path: string }[] = [];
  for (const line of (text ?? '').split('\n')) {
    const m = /^(\w+): (\S+)$/.exec(line.trim());
    const path = appPath(m?.[2]);
    if (m?.[1] !== undefined && path !== undefined) out.push({ name: m[1], path });
  }
  return out;
}

/** The sentences of an explanation: a cause each. */
export function sentences(text: string): string[] {
  return text.split(/\s+Also: |另外：/).map((s) => s.trim()).filter((s) => s !== '');
}

/** Where an external link may lead: nothing but the web. */
export function webLink(url: string | undefined): string | undefined {
  return url !== undefined && /^https?:\/\//i.test(url) ? url : undefined;
}
