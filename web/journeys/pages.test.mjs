// Every page in both languages and themes: it shows data, says no raw key, asks
// nobody else, logs no error, can be read by everybody, fits a phone.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessibility, api, launch, open, shot } from './lib.mjs';

let browser;
let ids;
before(async () => {
  browser = await launch();
  const { calls } = await api('/calls', { status: 'ok', order: 'most_tokens', limit: '50' });
  const stream = calls.find((c) => c.stream && c.trace_id && c.chunks > 20) ?? calls[0];
  const session = calls.find((c) => c.session)?.session;
  const traces = await api('/traces', { order: 'slowest', limit: '5' });
  const slos = await api('/slos');
  ids = { call: stream.id, other: calls.find((c) => c.stream && c.id !== stream.id).id, session, trace: (traces.traces.find((t) => t.spans > 3) ?? traces.traces[0]).trace_id, slo: slos.slos[0].name };
});
after(() => browser?.close());

const pages = [
  ['overview', () => '/'],
  ['alerts', () => '/alerts'], ['alert-rules', () => '/alerts/rules'], ['silences', () => '/alerts/silences'], ['channels', () => '/alerts/channels'], ['alert-history', () => '/alerts/history'],
  ['slos', () => '/slos'], ['slo', () => `/slos/${encodeURIComponent(ids.slo)}`],
  ['calls', () => '/calls'], ['call', () => `/calls/${ids.call}`], ['call-panel', () => `/calls?call=${ids.call}`], ['call-compare', () => `/calls/compare?a=${ids.call}&b=${ids.other}`], ['scatter', () => '/calls?view=scatter'],
  ['traces', () => '/traces'], ['trace', () => `/traces/${ids.trace}`],
  ['sessions', () => '/sessions'], ['session', () => `/sessions/${encodeURIComponent(ids.session)}`],
  ['logs', () => '/logs'], ['query', () => '/query?expr=' + encodeURIComponent('sum by (model) (rate(llm_requests_total[5m]))')],
  ['models', () => '/models'], ['cost', () => '/cost'], ['budgets', () => '/cost/budgets'], ['quality', () => '/quality'], ['infrastructure', () => '/infrastructure'],
  ['dashboards', () => '/dashboards'], ['dashboard', () => '/dashboards/overview'],
  ['status', () => '/status'], ['doctor', () => '/status/doctor'], ['senders', () => '/status/senders'], ['targets', () => '/status/targets'], ['ledger', () => '/status/ledger'], ['config', () => '/status/config'],
  ['setup', () => '/setup'],
];

/** A text that is the key of one: camelCase, or with a prefix that keys have, alone in an element. */
const rawKeys = () =>
  [...document.querySelectorAll('main *, header *, nav *')].flatMap((e) => (e.children.length === 0 && !e.closest('code,pre,.mono,.cm-editor,[role="cell"],[class*="json"]') ? [e.textContent.trim()] : [])).filter((s) => /^[a-z]+(?:[A-Z][a-z]+)+$/.test(s) || /^(panel|about|metric|role)\.[a-z]/.test(s));

for (const [name, path] of pages) {
  test(name, async () => {
    for (const [lang, theme] of [['en', 'light'], ['zh', 'dark'], ['en', 'dark'], ['zh', 'light']]) {
      const { page, done } = await open(browser, path(), { lang, theme });
      const text = await page.locator('main').innerText();
      assert.ok(text.trim().length > 20, `${name}: the page is empty: ${text}`);
      assert.equal(await page.locator('main [role="alert"]').filter({ hasText: /could not be loaded|加载失败|has failed|出错了/ }).count(), 0, `${name} shows a failure: ${text.slice(0, 300)}`);
      assert.deepEqual(await page.evaluate(rawKeys), [], `${name}: raw keys`);
      assert.equal(await page.evaluate(() => document.documentElement.lang), lang === 'zh' ? 'zh-CN' : 'en');
      if (lang === 'zh') assert.match(await page.getByRole('navigation', { name: '导航' }).innerText(), /总览/);
      await shot(page, `${name}-${lang}-${theme}`);
      if ((lang === 'en') === (theme === 'light')) assert.deepEqual(await accessibility(page), [], `${name} ${theme}: accessibility`);
      await done();
    }
    const { page, done } = await open(browser, path(), { width: 390, height: 844 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(wide <= 1, `${name}: ${wide} px too wide for a phone`);
    await shot(page, `${name}-phone`);
    await done();
  });
}
