// The timeline of a stream as it is stored: docs/formats.md has the form.

/** Seconds of one unit of the stored form. */
export const unitSeconds = 0.0001;

const maxBytes = 64 << 10;
const version = 1;

/** The chunks of a stream, in columns: 25,000 of them are two small arrays. */
export interface Ticks {
  /** Seconds since the start of the call, ascending. */
  at: Float64Array;
  /** Bytes of content that each brought: text, reasoning, tool arguments. */
  bytes: Float64Array;
  /** Bytes up to and with each. */
  sum: Float64Array;
}

export class TimelineError extends Error {
  constructor(readonly reason: 'version' | 'corrupt' | 'long') {
    super(reason === 'version' ? 'timeline: unknown version' : reason === 'long' ? 'timeline: too long' : 'timeline: cut or corrupt');
    this.name = 'TimelineError';
  }
}

export const none: Ticks = { at: new Float64Array(0), bytes: new Float64Array(0), sum: new Float64Array(0) };

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const digit = new Int8Array(128).fill(-1);
for (let i = 0; i < letters.length; i++) digit[letters.charCodeAt(i)] = i;

/** Decodes base64url without padding; strict, as the server is. */
export function base64url(s: string): Uint8Array {
  if (s.length % 4 === 1) throw new TimelineError('corrupt');
  const out = new Uint8Array(Math.floor((s.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let n = 0;
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    const v = c < 128 ? (digit[c] ?? -1) : -1;
    if (v < 0) throw new TimelineError('corrupt');
    bits = ((bits << 6) | v) & 0xffff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      out[n++] = (bits >> held) & 0xff;
    }
  }
  return out;
}

/**
 * Decodes what a call has as its timeline. Throws a TimelineError where it is cut,
 * corrupt or of a newer version; an empty text is a timeline without chunks.
 */
export function decodeTimeline(text: string): Ticks {
  const b = base64url(text);
  if (b.length === 0) return none;
  if (b[0] !== version) throw new TimelineError('version');
  if (b.length > maxBytes) throw new TimelineError('long');
  // A chunk takes two bytes at least.
  const most = (b.length - 1) >> 1;
  const at = new Float64Array(most);
  const bytes = new Float64Array(most);
  const sum = new Float64Array(most);
  let pos = 1;
  const uvarint = (): number => {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      const x = b[pos++];
      if (x === undefined) throw new TimelineError('corrupt');
      value += (x & 0x7f) * scale;
      if (x < 0x80) {
        // Past 2^40 (over three years, a terabyte) nothing is true.
        if (value > 2 ** 40) throw new TimelineError('corrupt');
        return value;
      }
      scale *= 128;
    }
    throw new TimelineError('corrupt');
  };
  let n = 0;
  let units = 0;
  let total = 0;
  while (pos < b.length) {
    units += uvarint();
    const size = uvarint();
    total += size;
    at[n] = units * unitSeconds;
    bytes[n] = size;
    sum[n] = total;
    n++;
  }
  return { at: at.subarray(0, n), bytes: bytes.subarray(0, n), sum: sum.subarray(0, n) };
}

/** Encodes chunks: what tests and made-up timelines are written with. */
export function encodeTimeline(chunks: readonly (readonly [gap: number, bytes: number])[]): string {
  const b: number[] = chunks.length === 0 ? [] : [version];
  const put = (v: number) => {
    let rest = v;
    while (rest >= 0x80) {
      b.push((rest % 128) | 0x80);
      rest = Math.floor(rest / 128);
    }
    b.push(rest);
  };
  for (const [gap, bytes] of chunks) {
    put(gap);
    put(bytes);
  }
  let out = '';
  for (let i = 0; i < b.length; i += 3) {
    const left = b.length - i;
    const v = ((b[i] ?? 0) << 16) | ((b[i + 1] ?? 0) << 8) | (b[i + 2] ?? 0);
    for (let k = 0; k < Math.min(left, 3) + 1; k++) out += letters[(v >> (18 - 6 * k)) & 63] ?? '';
  }
  return out;
}
