// The answer as it came: its parts in their order, cut by bytes of content.

import type { Call, Message } from '~/api/types';

export type PieceKind = 'reasoning' | 'text' | 'tool' | 'refusal';

export interface Piece {
  kind: PieceKind;
  /** Of a tool: its name. */
  name?: string;
  text: string;
  /** In UTF-8. */
  bytes: Uint8Array;
  /** Bytes of all pieces before it. */
  start: number;
}

export interface Script {
  pieces: Piece[];
  /** Bytes of all pieces. */
  total: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The text that streamed: reasoning, answers and tool arguments, in their order. */
export function script(output: readonly Message[] | undefined): Script {
  const pieces: Piece[] = [];
  let total = 0;
  const add = (kind: PieceKind, text: string | undefined, name?: string) => {
    if (text === undefined || (text === '' && name === undefined)) return;
    const bytes = encoder.encode(text);
    pieces.push({ kind, name, text, bytes, start: total });
    total += bytes.length;
  };
  for (const message of output ?? []) {
    for (const part of message.parts) {
      if (part.type === 'text') add('text', part.content);
      else if (part.type === 'reasoning') add('reasoning', part.content);
      else if (part.type === 'refusal') add('refusal', part.content);
      else if (part.type === 'tool_call') add('tool', part.arguments ?? '', part.name ?? '');
    }
  }
  return { pieces, total };
}

/** The first bytes of UTF-8 as text, never a part of a character. */
export function prefix(bytes: Uint8Array, length: number): string {
  let n = Math.min(Math.max(Math.floor(length), 0), bytes.length);
  // 10xxxxxx continues a character: it is shown when the last of its bytes is there.
  while (n > 0 && n < bytes.length && ((bytes[n] ?? 0) & 0xc0) === 0x80) n--;
  return decoder.decode(bytes.subarray(0, n));
}

export interface Shown {
  kind: PieceKind;
  name?: string;
  text: string;
}

/**
 * What was there when `come` of `all` bytes had come. Content that was redacted or
 * cut afterwards has another length than what streamed: it is shown in proportion.
 */
export function shownAt(s: Script, come: number, all: number): Shown[] {
  const scale = all > 0 ? s.total / all : 0;
  const bytes = come >= all ? s.total : come * scale;
  const out: Shown[] = [];
  for (const p of s.pieces) {
    if (p.start > bytes || (p.start === bytes && p.bytes.length > 0) || come <= 0) break;
    const n = bytes - p.start;
    const text = n >= p.bytes.length ? p.text : prefix(p.bytes, n);
    if (text === '' && p.kind !== 'tool') break;
    out.push({ kind: p.kind, name: p.name, text });
  }
  return out;
}

/**
 * Output tokens for each byte that streamed, to turn bytes into tokens. Reasoning
 * that the provider counts but does not show has no bytes: its tokens are left out.
 * Undefined where the tokens are unknown.
 */
export function tokensPerByte(call: Pick<Call, 'usage' | 'output' | 'chunks'>, ticks: number, streamed: number, s: Script): number | undefined {
  const output = call.usage.output_tokens;
  if (output === undefined || output <= 0) return undefined;
  const shown = s.pieces.some((p) => p.kind === 'reasoning');
  const tokens = shown ? output : output - (call.usage.reasoning_tokens ?? 0);
  // A timeline that holds the first chunks only does not hold the bytes of all tokens.
  const cut = (call.chunks ?? ticks) > ticks;
  const bytes = cut ? s.total : streamed;
  return tokens > 0 && bytes > 0 ? tokens / bytes : undefined;
}
