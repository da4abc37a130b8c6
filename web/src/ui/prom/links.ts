// A dashboard's links: Grafana's placeholders filled in, and the address in
// Pitot's API made that of the page that shows the same.

import type { Labels } from '~/api/prom';
import type { Chosen } from './definition';

const escape = (s: string) => s.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Fills in ${__from}, ${__to}, ${name:regex} and ${__field.labels.name}; values are percent-encoded. */
export function fill(path: string, o: { chosen: Chosen; from: number; to: number; labels?: Labels; value?: string }): string {
  return path.replace(/\$\{([^}]+)\}/g, (whole, key: string) => {
    if (key === '__from') return String(Math.round(o.from));
    if (key === '__to') return String(Math.round(o.to));
    if (key === '__value.raw') return encodeURIComponent(o.value ?? '');
    if (key.startsWith('__field.labels.')) return encodeURIComponent(o.labels?.[key.slice('__field.labels.'.length)] ?? '');
    const name = key.replace(/:regex$/, '');
    const values = o.chosen[name];
    if (values === undefined) return name === key ? whole : encodeURIComponent('.*');
    return encodeURIComponent(values.length === 0 ? '.*' : values.map(escape).join('|'));
  });
}

/** A title with the labels of its series. */
export function fillTitle(title: string, labels: Labels = {}): string {
  return title.replace(/\$\{__field\.labels\.(\w+)\}/g, (_, name: string) => labels[name] ?? '');
}

const every = String.raw`\w+:~\x60\^\(\?:\.\*\)\$\x60`;

/** Drops the parts of a LogsQL filter that hold for everything. */
export function simplify(query: string): string {
  return query
    .replace(new RegExp(String.raw`\(${every} or ${every}\)`, 'g'), '')
    .replace(new RegExp(every, 'g'), '')
    .replace(/\s+/g, ' ')
    .trim();
}

const pages: [string, string][] = [
  ['calls', '/calls'], ['traces', '/traces'], ['costs', '/cost'], ['feedback', '/quality'], ['slos', '/slos'], ['budgets', '/cost/budgets'], ['status', '/status'], ['ledger', '/status/ledger'],
];

/** The page for an address of the API. The range is left out where it is that of the page, which links keep anyway. */
export function pageFor(filled: string, range: { from: number; to: number }): string {
  const [path = '', search = ''] = filled.split('?');
  const prefix = '/api/pitot/v1/';
  if (!path.startsWith(prefix)) return filled;
  const rest = path.slice(prefix.length);
  const [head = '', ...tail] = rest.split('/');
  const page = pages.find(([name]) => name === head)?.[1] ?? '/';
  const q = new URLSearchParams(search);
  if (q.get('start') === String(Math.round(range.from)) && q.get('end') === String(Math.round(range.to))) {
    q.delete('start');
    q.delete('end');
  }
  const query = q.get('query');
  if (query !== null) {
    const simple = simplify(query);
    if (simple === '') q.delete('query');
    else q.set('query', simple);
  }
  const s = q.toString();
  return [page, ...tail].join('/') + (s === '' ? '' : '?' + s);
}

/** The overview answers what changed, for the calls that a dashboard is about. */
export function explainLink(path: string, chosen: Chosen): string | undefined {
  const metric = /^\/api\/pitot\/v1\/explain\?metric=(\w+)/.exec(path)?.[1];
  if (metric === undefined) return undefined;
  const q = new URLSearchParams({ explain: metric });
  for (const name of ['service', 'provider', 'model']) for (const v of chosen[name] ?? []) q.append(name, v);
  return `/?${q}`;
}
