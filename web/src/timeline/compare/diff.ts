// The difference of two texts: lines first, then the words of lines that changed.
// Myers' algorithm with a bound: texts that have next to nothing in common are not
// worth the search, and are shown as one taken away and one put in its place.

export interface Edit {
  kind: 'same' | 'del' | 'add';
  /** Places in a and b where it begins, and how many. */
  a: number;
  b: number;
  length: number;
}

/** The shortest list of edits that makes b of a. */
export function diff(a: readonly string[], b: readonly string[], most = 2000): Edit[] {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const middle = myers(a.slice(start, a.length - end), b.slice(start, b.length - end), most);
  const out: Edit[] = [];
  const push = (e: Edit) => {
    const last = out.at(-1);
    if (last !== undefined && last.kind === e.kind) last.length += e.length;
    else if (e.length > 0) out.push({ ...e });
  };
  push({ kind: 'same', a: 0, b: 0, length: start });
  for (const e of middle) push({ ...e, a: e.a + start, b: e.b + start });
  push({ kind: 'same', a: a.length - end, b: b.length - end, length: end });
  return out;
}

function myers(a: readonly string[], b: readonly string[], most: number): Edit[] {
  const n = a.length;
  const m = b.length;
  if (n === 0 && m === 0) return [];
  const replaced: Edit[] = [{ kind: 'del', a: 0, b: 0, length: n }, { kind: 'add', a: n, b: 0, length: m }];
  if (n === 0 || m === 0) return replaced.filter((e) => e.length > 0);
  const limit = Math.min(n + m, most);
  const offset = limit + 1;
  const v = new Int32Array(2 * offset + 1);
  const trace: Int32Array[] = [];
  for (let d = 0; d <= limit; d++) {
    trace.push(v.slice(offset - d - 1, offset + d + 2));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && (v[offset + k - 1] ?? 0) < (v[offset + k + 1] ?? 0));
      let x = down ? (v[offset + k + 1] ?? 0) : (v[offset + k - 1] ?? 0) + 1;
      let y = x - k;
      while (x < n && y < m && a[x] === b[y]) {
        x++;
        y++;
      }
      v[offset + k] = x;
      if (x >= n && y >= m) return backtrack(trace, n, m);
    }
  }
  return replaced;
}

/** Follows the furthest reaching paths back from the end. trace[d] holds diagonals -d-1 to d+1. */
function backtrack(trace: readonly Int32Array[], n: number, m: number): Edit[] {
  const out: Edit[] = [];
  let x = n;
  let y = m;
  for (let d = trace.length - 1; d >= 0 && (x > 0 || y > 0); d--) {
    const v = trace[d];
    const at = (k: number) => v?.[k + d + 1] ?? 0;
    const k = x - y;
    const down = k === -d || (k !== d && at(k - 1) < at(k + 1));
    const before = down ? k + 1 : k - 1;
    const px = d === 0 ? 0 : at(before);
    const py = d === 0 ? 0 : px - before;
    const sx = d === 0 ? 0 : down ? px : px + 1;
    const sy = d === 0 ? 0 : down ? py + 1 : py;
    if (x > sx) out.push({ kind: 'same', a: sx, b: sy, length: x - sx });
    if (d > 0) out.push(down ? { kind: 'add', a: px, b: py, length: 1 } : { kind: 'del', a: px, b: py, length: 1 });
    x = px;
    y = py;
  }
  return merged(out.reverse());
}

function merged(list: readonly Edit[]): Edit[] {
  const out: Edit[] = [];
  for (const e of list) {
    const last = out.at(-1);
    if (last !== undefined && last.kind === e.kind) last.length += e.length;
    else out.push({ ...e });
  }
  return out;
}

export interface Span {
  text: string;
  changed: boolean;
}

export interface DiffRow {
  kind: 'same' | 'change' | 'del' | 'add';
  a?: Span[];
  b?: Span[];
  /** Line numbers, from 1. */
  lineA?: number;
  lineB?: number;
}

/** Words, blanks, single signs; each ideograph is a word. */
export function words(text: string): string[] {
  return text.match(/\s+|[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[\p{L}\p{N}\p{M}_]+|[^\s]/gu) ?? [];
}

const longLine = 4000;

/** The changed words of two lines. */
export function diffWords(a: string, b: string): { a: Span[]; b: Span[] } {
  if (a.length > longLine || b.length > longLine) return { a: [{ text: a, changed: true }], b: [{ text: b, changed: true }] };
  const x = words(a);
  const y = words(b);
  const out: { a: Span[]; b: Span[] } = { a: [], b: [] };
  const push = (list: Span[], text: string, changed: boolean) => {
    const last = list.at(-1);
    if (last !== undefined && last.changed === changed) last.text += text;
    else if (text !== '') list.push({ text, changed });
  };
  for (const e of diff(x, y, 400)) {
    if (e.kind !== 'add') push(out.a, x.slice(e.a, e.a + e.length).join(''), e.kind === 'del');
    if (e.kind !== 'del') push(out.b, y.slice(e.b, e.b + e.length).join(''), e.kind === 'add');
  }
  return out;
}

/** Lines side by side: a block that was taken away stands beside what took its place. */
export function diffLines(a: string, b: string): DiffRow[] {
  const x = a === '' ? [] : a.split('\n');
  const y = b === '' ? [] : b.split('\n');
  const out: DiffRow[] = [];
  const edits = diff(x, y);
  for (let i = 0; i < edits.length; i++) {
    const e = edits[i];
    if (e === undefined) continue;
    if (e.kind === 'same') {
      for (let k = 0; k < e.length; k++) {
        const spans = [{ text: x[e.a + k] ?? '', changed: false }];
        out.push({ kind: 'same', a: spans, b: spans, lineA: e.a + k + 1, lineB: e.b + k + 1 });
      }
      continue;
    }
    const next = edits[i + 1];
    const other = next !== undefined && next.kind !== 'same' && next.kind !== e.kind ? next : undefined;
    if (other !== undefined) i++;
    const del = e.kind === 'del' ? e : other?.kind === 'del' ? other : undefined;
    const add = e.kind === 'add' ? e : other?.kind === 'add' ? other : undefined;
    for (let k = 0; k < Math.max(del?.length ?? 0, add?.length ?? 0); k++) {
      const left = del !== undefined && k < del.length ? x[del.a + k] : undefined;
      const right = add !== undefined && k < add.length ? y[add.b + k] : undefined;
      const lineA = left === undefined || del === undefined ? undefined : del.a + k + 1;
      const lineB = right === undefined || add === undefined ? undefined : add.b + k + 1;
      if (left !== undefined && right !== undefined) out.push({ kind: 'change', ...diffWords(left, right), lineA, lineB });
      else if (left !== undefined) out.push({ kind: 'del', a: [{ text: left, changed: true }], lineA });
      else if (right !== undefined) out.push({ kind: 'add', b: [{ text: right, changed: true }], lineB });
    }
  }
  return out;
}
