// Results of stats: their chart is PromQL's, their table is saved as CSV.

import type { Row } from '~/api/logsql';

export { align, legendNames } from '~/views/query/results';

/** Rows as CSV. */
export function csvOf(rows: readonly Row[], columns: readonly string[]): string {
  const cell = (s: string) => (/[",\n\r]/.test(s) ? '"' + s.replaceAll('"', '""') + '"' : s);
  return [columns, ...rows.map((r) => columns.map((c) => r[c] ?? ''))].map((r) => r.map(cell).join(',')).join('\n') + '\n';
}
