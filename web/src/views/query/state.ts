// What the page has in its URL: several expressions, each with a tab and options.
// Also Prometheus' own parameters, g0.expr and so on, so that its links work here.

export const tabs = ['table', 'graph', 'histogram', 'explain'] as const;
export type Tab = (typeof tabs)[number];

export interface QueryState {
  expr: string;
  tab: Tab;
  stacked: boolean;
  exemplars: boolean;
}

export const maxQueries = 8;

const fresh: QueryState = { expr: '', tab: 'graph', stacked: false, exemplars: false };

function isTab(s: string | undefined): s is Tab {
  return (tabs as readonly string[]).includes(s ?? '');
}

/** Reads expr, tab and show, which are lists of the same order. */
export function read(q: URLSearchParams): QueryState[] {
  const expr = q.getAll('expr').slice(0, maxQueries);
  const tab = q.getAll('tab');
  const show = q.getAll('show');
  if (expr.length === 0) return [{ ...fresh }];
  return expr.map((e, i) => {
    const t = tab[i];
    const flags = (show[i] ?? '').split(',');
    return { expr: e, tab: isTab(t) ? t : fresh.tab, stacked: flags.includes('stacked'), exemplars: flags.includes('exemplars') };
  });
}

export function write(list: readonly QueryState[]): { expr: string[]; tab: string[]; show: string[] } {
  const tab = list.map((s) => s.tab as string);
  const show = list.map((s) => [s.stacked ? 'stacked' : '', s.exemplars ? 'exemplars' : ''].filter((f) => f !== '').join(','));
  return {
    expr: list.length === 1 && list[0]?.expr === '' ? [] : list.map((s) => s.expr),
    tab: tab.every((t) => t === fresh.tab) ? [] : tab,
    show: show.every((s) => s === '') ? [] : show,
  };
}

/** a, b, …, the name of a query on the page. */
export function letter(i: number): string {
  return String.fromCharCode(97 + i);
}

/** The tab for a result that wants one, or any: what is no histogram is not asked to be drawn as one. */
export function tabFor(now: Tab, wanted: Tab | undefined): Tab {
  return wanted ?? (now === 'histogram' ? fresh.tab : now);
}

/** Whether a query string is of Prometheus' page. */
export function isPrometheus(q: URLSearchParams): boolean {
  return q.has('g0.expr');
}

/** Translates the parameters of Prometheus' page, the old one's and the new one's. */
export function fromPrometheus(q: URLSearchParams): { queries: QueryState[]; start?: string; end?: string; step?: string } {
  const queries: QueryState[] = [];
  for (let i = 0; i < maxQueries && q.has(`g${i}.expr`); i++) {
    const p = (name: string) => q.get(`g${i}.${name}`) ?? '';
    const tab = p('tab');
    queries.push({
      expr: p('expr'),
      tab: tab === '0' || tab === 'graph' ? 'graph' : tab === 'explain' ? 'explain' : 'table', // the table is Prometheus' default
      stacked: p('stacked') === '1' || p('display_mode') === 'stacked',
      exemplars: p('show_exemplars') === '1',
    });
  }
  const range = q.get('g0.range_input') ?? '';
  const end = (q.get('g0.end_input') ?? q.get('g0.moment_input') ?? '').trim();
  const at = end === '' ? undefined : new Date(end.replace(' ', 'T') + (/Z|[+-]\d\d:?\d\d$/.test(end) ? '' : 'Z'));
  const known = at !== undefined && !Number.isNaN(at.getTime()) ? at.toISOString() : undefined;
  const step = q.get('g0.step_input') ?? '';
  return {
    queries,
    ...(range === '' ? {} : { start: '-' + range }),
    ...(known === undefined ? {} : { end: known }),
    ...(step === '' ? {} : { step: /^\d+$/.test(step) ? step + 's' : step }),
  };
}

/** Seconds of a step as people write it; undefined for an empty or wrong one: then it is chosen. */
export function parseStep(s: string): number | undefined {
  const m = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(s.trim());
  if (m === null) return undefined;
  const n = Number(m[1]) * ({ ms: 0.001, s: 1, m: 60, h: 3600, d: 86400 }[m[2] ?? 's'] ?? 1);
  return n > 0 ? n : undefined;
}
