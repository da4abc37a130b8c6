// CSV (RFC 4180) as the server's exports write it. Pure.

/** Texts that spreadsheets take for formulas, in their wide forms, too. */
const formula = /^[=+\-@＝＋－＠\t\r\n]/;
const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$|^[+-]Inf$/i;

/** A cell: a text that would run as a formula has an apostrophe in front, for labels and messages come from elsewhere. */
function cell(s: string): string {
  const text = formula.test(s) && !number.test(s) ? `'${s}` : s;
  return /[",\n\r]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
}

/** Rows, the first of them the names of the columns. */
export function csvText(rows: readonly (readonly string[])[]): string {
  return rows.map((r) => r.map(cell).join(',')).join('\n') + '\n';
}
