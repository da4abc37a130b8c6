// Useful expressions for a metric, by its type. Pure.

export interface Suggestion {
  kind: 'latest' | 'perSecond' | 'increase' | 'p95' | 'asHistogram' | 'sumBy';
  label?: string;
  expr: string;
}

/** The family that a series belongs to in the metadata: without _bucket, _sum, _count, _total. */
export function familyOf(name: string, known: ReadonlySet<string>): string {
  if (known.has(name)) return name;
  const base = name.replace(/_(bucket|sum|count|total|created)$/, '');
  return known.has(base) ? base : name;
}

export function suggest(name: string, type: string, labels: readonly string[], interval = '5m', range = '1h'): Suggestion[] {
  const by = ['model', 'service', 'server', 'job', 'instance'].find((l) => labels.includes(l));
  const out: Suggestion[] = [];
  const bucket = name.endsWith('_bucket');
  if (bucket) {
    out.push({ kind: 'p95', expr: `histogram_quantile(0.95, sum by (le) (rate(${name}[${interval}])))` });
    if (by !== undefined) out.push({ kind: 'p95', label: by, expr: `histogram_quantile(0.95, sum by (le, ${by}) (rate(${name}[${interval}])))` });
    out.push({ kind: 'asHistogram', expr: `sum by (le) (increase(${name}[${interval}]))` });
  } else if (type === 'histogram' && !/_(sum|count)$/.test(name)) {
    out.push({ kind: 'p95', expr: `histogram_quantile(0.95, sum(rate(${name}[${interval}])))` });
    if (by !== undefined) out.push({ kind: 'p95', label: by, expr: `histogram_quantile(0.95, sum by (${by}) (rate(${name}[${interval}])))` });
    out.push({ kind: 'asHistogram', expr: `sum(increase(${name}[${interval}]))` });
  } else if (type === 'counter' || /_(total|sum|count)$/.test(name)) {
    out.push({ kind: 'perSecond', expr: `sum(rate(${name}[${interval}]))` });
    if (by !== undefined) out.push({ kind: 'perSecond', label: by, expr: `sum by (${by}) (rate(${name}[${interval}]))` });
    out.push({ kind: 'increase', expr: `sum(increase(${name}[${range}]))` });
  } else {
    out.push({ kind: 'latest', expr: name });
    if (by !== undefined) out.push({ kind: 'sumBy', label: by, expr: `sum by (${by}) (${name})` });
  }
  return out;
}
