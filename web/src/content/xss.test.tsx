import { MantineProvider } from '@mantine/core';
import type { ReactNode } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { expect, test, vi } from 'vitest';
import MarkdownRendered from '~/ui/MarkdownRendered';
import { Json } from '~/ui/Json';
import { Messages } from './Messages';
import { safeImage, safeLink } from './links';
import { invisibleCount, renderable, reveal } from './text';
import { TextView } from './TextView';
import { hostile, hostileMessages } from './xss';

// Rendered at once: static markup does not wait for what is lazy.
vi.mock('~/ui/Markdown', async () => {
  const m = await import('~/ui/MarkdownRendered');
  return { Markdown: m.default };
});

const markup = (node: ReactNode) => renderToStaticMarkup(<MantineProvider withCssVariables={false} withGlobalClasses={false}>{node}</MantineProvider>).replace(/<style data-mantine-styles[^>]*>[^<]*<\/style>/g, '');

interface Tag { name: string; attributes: Map<string, string> }

const decode = (s: string) => s.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (all, hex: string | undefined, dec: string | undefined, name: string | undefined) => (hex ? String.fromCodePoint(parseInt(hex, 16)) : dec ? String.fromCodePoint(Number(dec)) : ({ amp: '&', lt: '<', gt: '>', quot: '"', colon: ':', Tab: '\t', NewLine: '\n' })[name ?? ''] ?? all));

/** The tags of a text of HTML, as a browser would find them. */
function tags(html: string): Tag[] {
  const out: Tag[] = [];
  const tag = /<([a-z][^\s/>]*)((?:[^>"']|"[^"]*"|'[^']*')*)>/gi;
  for (const m of html.matchAll(tag)) {
    const attributes = new Map<string, string>();
    for (const a of (m[2] ?? '').matchAll(/([^\s"'>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g)) attributes.set((a[1] ?? '').toLowerCase(), decode(a[2] ?? a[3] ?? a[4] ?? ''));
    out.push({ name: (m[1] ?? '').toLowerCase(), attributes });
  }
  return out;
}

/** What the components themselves are made of. */
const allowed = new Set('div span p a button article header section svg path circle line polyline rect h1 h2 h3 h4 h5 h6 ul ol li table thead tbody tr th td code pre em strong del blockquote hr br input label img sup'.split(' '));

function check(html: string, what: string) {
  for (const t of tags(html)) {
    expect(allowed.has(t.name), `${what}: <${t.name}>`).toBe(true);
    for (const [k, v] of t.attributes) {
      expect(k.startsWith('on'), `${what}: ${t.name} ${k}`).toBe(false);
      expect(['srcdoc', 'formaction', 'action', 'xlink:href', 'srcset', 'data', 'background', 'ping'].includes(k), `${what}: ${t.name} ${k}`).toBe(false);
      // eslint-disable-next-line no-control-regex
      const address = v.replace(/[\u0000-\u0020]/g, '').toLowerCase();
      if (k === 'href') expect(/^(https?:\/\/|mailto:|#|\/(?![/\\]))/.test(address), `${what}: href ${v.slice(0, 80)}`).toBe(true);
      if (k === 'src') expect(/^data:image\/(png|jpeg|gif|webp|avif);base64,[a-z0-9+/=]+$/.test(address), `${what}: src ${v.slice(0, 80)}`).toBe(true);
      if (k === 'style') expect(/url\(|expression|import|javascript/.test(address), `${what}: style ${v.slice(0, 80)}`).toBe(false);
    }
    if (t.name === 'a' && t.attributes.get('target') === '_blank') expect(t.attributes.get('rel') ?? '', what).toContain('noopener');
  }
}

test('the check finds what it looks for', () => {
  for (const bad of ['<script>1</script>', '<img src="x" onerror=1>', '<a href="javascript:1">x</a>', '<a href="java&#115;cript:1">x</a>', '<a href="//evil.example">x</a>', '<img src="https://evil.example/x">', '<div style="background:url(x)">']) expect(() => check(bad, bad), bad).toThrow();
  check('<p>&lt;script&gt; <a href="https://ok.example/" target="_blank" rel="noopener">x</a></p>', 'good');
});

test.each(hostile.map((h) => [h.name, h.text] as const))('messages: %s', (name, text) => {
  const all = hostileMessages(text);
  for (const raw of [false, true]) {
    const html = markup(<Messages input={all.slice(0, 4)} output={all.slice(4)} raw={raw} plain />);
    check(html, `${name}${raw ? ', raw' : ''}`);
    expect(html.length).toBeGreaterThan(500);
  }
});

test.each(hostile.map((h) => [h.name, h.text] as const))('whole texts: %s', (name, text) => {
  check(markup(<TextView text={text} chars={1e9} lines={1e9} />), name);
  check(markup(<Json value={text} open={3} />), name);
  if (renderable(text)) check(markup(<MarkdownRendered text={text} />), name);
});

test('what would take a parser long is not parsed', () => {
  for (const name of ['deep quotes', 'deep brackets', 'deep emphasis', 'deep lists', 'a long word', 'many lines']) expect(renderable(hostile.find((h) => h.name === name)?.text ?? ''), name).toBe(false);
  for (const text of ['# Title\n\n- a\n- b\n\n> quote\n\n| a | b |\n|---|---|\n| 1 | 2 |', '--------------------------------------------------\n', '```js\nf(g(h([{}])))\n```', '1. a\n   - b\n     - c']) expect(renderable(text), text).toBe(true);
});

test('links lead to web pages only', () => {
  expect(safeLink('https://a.example/x?y=1')).toBe('https://a.example/x?y=1');
  for (const bad of ['javascript:1', ' javascript:1', 'java\nscript:1', 'data:text/html,x', '//evil.example', '/x', 'blob:https://x/1', 'file:///x', '']) expect(safeLink(bad), bad).toBeUndefined();
});

test('images are those of the call itself, and no documents', () => {
  expect(safeImage({ type: 'blob', mime_type: 'image/png', data: 'iVBORw0KGgo=' })).toBe('data:image/png;base64,iVBORw0KGgo=');
  expect(safeImage({ type: 'uri', uri: 'data:image/jpeg;base64,/9j/4AAQ' })).toBe('data:image/jpeg;base64,/9j/4AAQ');
  for (const part of [{ type: 'uri', uri: 'https://evil.example/x.png' }, { type: 'blob', mime_type: 'image/svg+xml', data: 'PHN2Zz4=' }, { type: 'uri', uri: 'data:image/svg+xml;base64,PHN2Zz4=' }, { type: 'blob', mime_type: 'image/png', data: '"><script>' }, { type: 'uri', uri: 'data:text/html;base64,PHN2Zz4=' }] as const) expect(safeImage(part)).toBeUndefined();
});

test('hidden characters are counted and written out', () => {
  expect(invisibleCount('a\u200bb\u202ec\u{e0041}')).toBe(3);
  expect(reveal('a\u200bb\u202ec')).toBe('a⟨U+200B⟩b⟨U+202E⟩c');
  expect(invisibleCount('👩\u200d👩\u200d👧 مرحبا می\u200cخواهم')).toBe(0);
});
