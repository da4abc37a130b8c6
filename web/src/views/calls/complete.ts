// Completion in a LogsQL filter: which word is being written, and what may follow.

export interface Spot {
  kind: 'field' | 'value';
  /** The field whose value is being written. */
  field?: string;
  /** What is written of it, without an opening quote. */
  prefix: string;
  /** The part of the text that a choice replaces. */
  from: number;
  to: number;
}

const nameChar = /[\w.\-/]/;

/** What is being written at the cursor; undefined within a closed quote and after what no suggestion fits. */
export function spotAt(text: string, cursor: number): Spot | undefined {
  // An open quote before the cursor is a value if a field stands before it.
  let quoted = -1;
  for (let i = 0; i < cursor; i++) {
    if (text[i] === '\\' && quoted >= 0) i++;
    else if (text[i] === '"') quoted = quoted >= 0 ? -1 : i;
  }
  const end = (at: number) => {
    let e = at;
    while (e < text.length && nameChar.test(text[e] ?? '')) e++;
    return e;
  };
  if (quoted >= 0) {
    const field = fieldBefore(text, quoted);
    if (field === undefined) return undefined;
    const close = text.indexOf('"', cursor);
    return { kind: 'value', field, prefix: text.slice(quoted + 1, cursor), from: quoted, to: close === -1 || /[\s:]/.test(text.slice(cursor, close)) ? cursor : close + 1 };
  }
  let from = cursor;
  while (from > 0 && nameChar.test(text[from - 1] ?? '')) from--;
  const prefix = text.slice(from, cursor);
  const field = fieldBefore(text, from);
  if (field !== undefined) return { kind: 'value', field, prefix, from, to: end(cursor) };
  if (from > 0 && text[from - 1] === '"') return undefined;
  return { kind: 'field', prefix, from, to: end(cursor) };
}

/** The field of `field:`, `field:=`, `field:in(a,` that ends at a place. */
function fieldBefore(text: string, at: number): string | undefined {
  const before = text.slice(0, at);
  const m = /([\w.\-/]+|"(?:[^"\\]|\\.)*"):(?:=|!|!=|in\((?:[^()]*,)?\s*)?$/.exec(before);
  const name = m?.[1];
  if (name === undefined) return undefined;
  return name.startsWith('"') ? name.slice(1, -1) : name;
}

/** The text after a suggestion was taken, and where the cursor goes. */
export function take(text: string, spot: Spot, choice: string): { text: string; cursor: number } {
  const plain = spot.kind === 'field' ? /^[a-z_][\w.]*$/i : /^\w[\w.]*$/;
  const said = plain.test(choice) ? choice : JSON.stringify(choice);
  const put = spot.kind === 'field' ? said + ':' : said;
  // After a colon alone the value is meant exactly.
  const exact = spot.kind === 'value' && text[spot.from - 1] === ':' ? '=' : '';
  const rest = text.slice(spot.to);
  const tail = spot.kind === 'field' && rest.startsWith(':') ? rest.slice(1) : rest;
  const head = text.slice(0, spot.from) + exact + put;
  const blank = spot.kind === 'value' && tail === '' && !/in\([^)]*$/.test(head) ? ' ' : '';
  return { text: head + blank + tail, cursor: head.length + blank.length };
}

/** Those that fit best first: beginnings, then anywhere. */
export function matching(list: readonly string[], prefix: string, most = 40): string[] {
  const p = prefix.toLowerCase();
  const starts = list.filter((x) => x.toLowerCase().startsWith(p));
  const has = p === '' ? [] : list.filter((x) => !x.toLowerCase().startsWith(p) && x.toLowerCase().includes(p));
  return [...starts, ...has].slice(0, most);
}
