// Prompts and answers can never run: hostile content comes in by OTLP, as spans
// of a model's call, and is looked at on every page that shows it.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { api, launch, open, settled, until } from './lib.mjs';

const otlp = process.env.PITOT_OTLP;
let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

const corpus = [
  '<script>window.pwned=1</script>', '<img src=x onerror="window.pwned=2">', '<svg onload=window.pwned=3>', '<iframe srcdoc="<script>parent.pwned=4</script>"></iframe>', '"><script>window.pwned=5</script>', "';window.pwned=6;//",
  '[click](javascript:window.pwned=7)', '[click](data:text/html,<script>opener.pwned=8</script>)', '![x](javascript:window.pwned=9)', '![track](http://198.51.100.1/pixel.png)', '<a href="javascript:window.pwned=10">x</a>', '<math><mtext><table><mglyph><style><img src onerror=window.pwned=11>',
  '{{constructor.constructor("window.pwned=12")()}}', '${window.pwned=13}', '<style>@import url(http://198.51.100.1/x.css);</style>', '<link rel=stylesheet href=http://198.51.100.1/y.css>', '<form action=http://198.51.100.1><button>go</button></form>', '<base href=http://198.51.100.1/>', '<meta http-equiv=refresh content="0;url=http://198.51.100.1">',
  '```html\n<script>window.pwned=14</script>\n```', '| a | b |\n|---|---|\n| <img src=x onerror=window.pwned=15> | ok |', '\u202e<script>\u200bwindow.pwned=16</script>', '<details open ontoggle=window.pwned=17>', '<input autofocus onfocus=window.pwned=18>', '<object data="javascript:window.pwned=19"></object>', '[ref]: javascript:window.pwned=20\n[ref]',
];

test('hostile prompts, answers, names and logs', { skip: otlp === undefined && 'PITOT_OTLP is not set' }, async () => {
  const traceId = randomBytes(16).toString('hex');
  const service = 'xss-' + randomBytes(4).toString('hex');
  const now = BigInt(Date.now()) * 1_000_000n;
  const text = corpus.join('\n\n');
  const attr = (key, value) => ({ key, value: { stringValue: value } });
  const message = (role, content) => JSON.stringify([{ role, parts: [{ type: 'text', content }, { type: 'reasoning', content }, { type: 'tool_call', id: '1', name: corpus[0], arguments: { q: content } }, { type: 'uri', modality: 'image', uri: 'javascript:window.pwned=30' }] }]);
  const span = {
    traceId, spanId: randomBytes(8).toString('hex'), name: 'chat ' + corpus[1], kind: 3, startTimeUnixNano: String(now - 2_000_000_000n), endTimeUnixNano: String(now), status: { code: 2, message: text },
    attributes: [attr('gen_ai.operation.name', 'chat'), attr('gen_ai.provider.name', 'openai'), attr('gen_ai.request.model', corpus[0]), attr('gen_ai.response.model', corpus[2]), attr('gen_ai.input.messages', message('user', text)), attr('gen_ai.output.messages', message('assistant', text)), attr('user.id', corpus[1]), attr('session.id', service), attr('gen_ai.agent.name', corpus[4]), attr('custom', text), attr('error.type', corpus[1])],
    events: [{ timeUnixNano: String(now), name: corpus[1], attributes: [attr('exception.message', text)] }],
  };
  const send = async (path, body) => {
    const r = await fetch(otlp + path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
    assert.equal(r.status, 200, await r.text());
  };
  const resource = { attributes: [attr('service.name', service)] };
  await send('/v1/traces', { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: corpus[1] }, spans: [span] }] }] });
  await send('/v1/logs', { resourceLogs: [{ resource, scopeLogs: [{ logRecords: [{ timeUnixNano: String(now), severityText: 'ERROR', body: { stringValue: text }, traceId, attributes: [attr('custom', corpus[1])] }] }] }] });
  const call = await until('the call', async () => (await api('/calls', { service })).calls[0]);
  for (const path of [`/calls?service=${service}&call=${call.id}`, `/calls/${call.id}`, `/traces/${traceId}`, `/traces/${traceId}?span=${span.spanId}`, `/traces?service=${service}`, `/sessions/${service}`, `/models?service=${service}`, `/cost?service=${service}`, `/logs?query=${encodeURIComponent(`service:"${service}"`)}`]) {
    const { page, done } = await open(browser, path, { expected: ['404'] });
    await settled(page);
    for (const toggle of await page.locator('main [aria-expanded="false"]').all()) await toggle.click({ timeout: 1000 }).catch(() => {});
    await page.mouse.move(400, 300);
    assert.equal(await page.evaluate(() => window.pwned), undefined, path);
    const links = await page.evaluate(() => [...document.querySelectorAll('a[href],form[action],object,embed,iframe,base,link[rel=stylesheet]')].map((e) => e.getAttribute('href') ?? e.getAttribute('action') ?? e.outerHTML).filter((h) => /^\s*(javascript|data|vbscript):/i.test(h) || h.startsWith('<')));
    assert.deepEqual(links, [], path);
    await done();
  }
});
