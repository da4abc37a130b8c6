// Results of stats: their chart is PromQL's, their table is saved as CSV.

import type { Row } from '~/api/logsql';
import { csvText } from '~/format/csv';

export { align, legendNames } from '~/views/query/results';

/** Rows as CSV. */
export function csvOf(rows: readonly Row[], columns: readonly string[]): string {
  return csvText([columns, ...rows.map((r) => columns.map((c) => r[c] ?? ''))]);
}
