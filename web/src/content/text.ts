// What is done with a text before it is shown. Pure, so that it can be tested.

import type { Message } from '~/api/types';

/** Longer texts are folded to this many characters, or lines. */
export const foldChars = 1_800;
export const foldLines = 24;

/** Beyond this, Markdown costs more time than it is worth. */
const maxMarkdown = 60_000;

/**
 * Characters that are not seen and can hide or reorder what is: zero-width ones,
 * marks and overrides of direction, tag characters. Joiners are left out, because
 * emoji and several scripts are written with them.
 */
const invisibles = /[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]|[\u{e0000}-\u{e007f}]/gu;

export function invisibleCount(text: string): number {
  return text.match(invisibles)?.length ?? 0;
}

/** The text with its invisible characters written out: ⟨U+202E⟩. */
export function reveal(text: string): string {
  return text.replace(invisibles, (c) => `⟨U+${(c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`);
}

/** A beginning of a long text that ends at the end of a line or a word; undefined where the text is short. */
export function fold(text: string, chars = foldChars, lines = foldLines): string | undefined {
  let end = text.length > chars * 1.3 ? chars : text.length; // a little more is not worth a click
  let at = -1;
  for (let n = 0; n < lines; n++) {
    at = text.indexOf('\n', at + 1);
    if (at === -1 || at >= end) break;
  }
  if (at !== -1 && at < end && text.indexOf('\n', at + 1) !== -1) end = at;
  if (end === text.length) return undefined;
  const line = text.lastIndexOf('\n', end);
  const word = text.lastIndexOf(' ', end);
  if (line > end * 0.6) end = line;
  else if (word > end * 0.6) end = word;
  // Not between the halves of a pair.
  const code = text.charCodeAt(end - 1);
  if (code >= 0xd800 && code <= 0xdbff) end--;
  return text.slice(0, end);
}

/** The value of a text that is an object or an array in JSON; undefined for all others. */
export function jsonOf(text: string): object | undefined {
  const first = text.trimStart()[0];
  if (first !== '{' && first !== '[') return undefined;
  try {
    const v: unknown = JSON.parse(text);
    return typeof v === 'object' && v !== null ? v : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a text is cheap and safe to render as Markdown: parsers take time, or the stack, for deep nesting. */
export function renderable(text: string): boolean {
  if (text.length > maxMarkdown) return false;
  return !/(?:[>*_~`[\]()!+-][ \t]*){150,}/.test(text) && !/(?:[>*_~`[\]()!+-][ \t]?){25,}[^\n]*\n(?:[^\n]*(?:[>*_~[\]()!+-][ \t]?){25,}[^\n]*\n){8,}/.test(text) && !/^[ \t]{200,}\S/m.test(text);
}

/** One line of what a message says, for lists and titles. */
export function previewOf(message: Message | undefined, length = 120): string {
  if (message === undefined) return '';
  for (const p of message.parts) {
    const text = p.type === 'tool_call' ? `${p.name ?? ''}(${p.arguments ?? ''})` : p.type === 'tool_call_response' ? (typeof p.response === 'string' ? p.response : JSON.stringify(p.response) ?? '') : p.type === 'reasoning' ? '' : (p.content ?? p.uri ?? p.mime_type ?? '');
    const line = text.replace(/\s+/g, ' ').trim();
    if (line !== '') return line.length > length ? line.slice(0, length - 1) + '…' : line;
  }
  return '';
}
