// Alerts as bands on the charts of what they are about.

import type { Series } from '~/api/prom';
import type { ChartBand } from '~/chart/TimeChart';
import type { Choice } from './filters';

export type Concern = 'errors' | 'latency' | 'ttft' | 'speed' | 'cost' | 'requests';

/** What an alert is about, from its pack, its objective or its name. */
export function concernOf(labels: Record<string, string>): Concern | undefined {
  const text = `${labels.pack ?? ''} ${labels.alertname ?? ''} ${labels.slo ?? ''}`.toLowerCase();
  if (/budgetthreshold|cost|spend|price/.test(text) || labels.budget !== undefined) return 'cost';
  if (/first_?token|ttft/.test(text)) return 'ttft';
  if (/stall|tpot|token_?speed|slowstream|generation/.test(text)) return 'speed';
  if (/latency|slow|duration/.test(text)) return 'latency';
  if (/error|availab|fail|burn|stream_?cut|rate_?limit/.test(text)) return 'errors';
  if (/traffic|request|absent|no_?calls/.test(text)) return 'requests';
  return undefined;
}

/** Whether an alert can be about the calls that were chosen: where both name a value it must be one of them. */
function chosen(labels: Record<string, string>, c: Choice): boolean {
  return (['service', 'model', 'provider'] as const).every((d) => c[d].length === 0 || labels[d] === undefined || c[d].includes(labels[d]));
}

/** When alerts fired, by what they are about. Overlapping ones are one band with their names. */
export function bandsOf(series: readonly Series[], step: number, c: Choice): Map<Concern, ChartBand[]> {
  const pieces = new Map<Concern, { from: number; to: number; name: string; critical: boolean }[]>();
  for (const s of series) {
    const concern = concernOf(s.metric);
    if (concern === undefined || !chosen(s.metric, c)) continue;
    const list = pieces.get(concern) ?? [];
    pieces.set(concern, list);
    let open: { from: number; to: number; name: string; critical: boolean } | undefined;
    for (const [t] of s.values ?? []) {
      if (open !== undefined && t - open.to <= step * 1.5) open.to = t;
      else list.push((open = { from: t, to: t, name: s.metric.alertname ?? '', critical: s.metric.severity === 'critical' }));
    }
  }
  const out = new Map<Concern, ChartBand[]>();
  for (const [concern, list] of pieces) {
    const merged: { from: number; to: number; names: Set<string>; critical: boolean }[] = [];
    for (const p of list.sort((a, b) => a.from - b.from)) {
      const last = merged.at(-1);
      if (last !== undefined && p.from <= last.to + step) {
        last.to = Math.max(last.to, p.to);
        last.names.add(p.name);
        last.critical ||= p.critical;
      } else merged.push({ from: p.from, to: p.to, names: new Set([p.name]), critical: p.critical });
    }
    out.set(concern, merged.map((m) => ({ from: m.from, to: m.to, label: [...m.names].slice(0, 2).join(', ') + (m.names.size > 2 ? ` +${m.names.size - 2}` : ''), level: m.critical ? 'critical' : 'warning' })));
  }
  return out;
}
