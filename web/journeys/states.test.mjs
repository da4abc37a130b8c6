// What a page shows when there is nothing, when the server fails, when the
// address is wrong, and how one finds the way from there.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessibility, launch, open, settled, shot, until } from './lib.mjs';

const empty = process.env.PITOT_EMPTY;
let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

const everywhere = ['/', '/alerts', '/slos', '/calls', '/traces', '/sessions', '/logs', '/models', '/cost', '/quality', '/infrastructure', '/status', '/setup'];

test('a server without data: every page says so and what to do', { skip: empty === undefined && 'PITOT_EMPTY is not set' }, async () => {
  for (const path of everywhere) {
    for (const lang of ['en', 'zh']) {
      const { page, done } = await open(browser, path, { lang, at: empty });
      const text = await page.locator('main').innerText();
      assert.ok(text.trim().length > 20, `${path}: ${text}`);
      assert.doesNotMatch(text, /NaN|undefined|Infinity|\[object/, path);
      assert.doesNotMatch(text, /could not be loaded|加载失败|has failed|出错了/, path);
      await shot(page, `empty${path === '/' ? '-overview' : path.replaceAll('/', '-')}-${lang}`);
      await done();
    }
  }
});

test('first run: the overview leads to the snippets, and a way turns green when its data arrives', { skip: empty === undefined && 'PITOT_EMPTY is not set' }, async () => {
  const { page, done } = await open(browser, '/setup?way=fluentd', { at: empty });
  const details = page.getByRole('region', { name: /fluentd/ });
  await details.getByText('waiting').waitFor();
  const address = new URL(empty);
  await details.getByText(`port ${address.port}`).waitFor();
  const r = await fetch(`${empty}/llm-logs/_bulk`, { method: 'POST', headers: { 'Content-Type': 'application/x-ndjson' }, body: `{"index":{}}\n{"@timestamp":"${new Date().toISOString()}","level":"info","message":"hello","service":"my-app"}\n` });
  assert.equal(r.status, 200);
  await details.getByText('data arrives').waitFor({ timeout: 30_000 });
  assert.deepEqual(await accessibility(page), []);
  await shot(page, 'setup-green');
  await done();
});

test('the server fails: the page says what the server said, and goes on when it is back', async () => {
  const { page, done } = await open(browser, '/status/ledger', { expected: ['503', 'Failed to load resource'] });
  await page.route('**/api/pitot/v1/calls?**', (r) => r.fulfill({ status: 503, contentType: 'application/json', body: '{"error":{"code":"store_unavailable","message":"the event engine does not answer","hint":"it restarts by itself"}}' }));
  await page.getByRole('link', { name: 'Calls', exact: true }).click();
  const alert = page.getByRole('alert').filter({ hasText: 'the event engine does not answer' }).first();
  await alert.waitFor({ timeout: 20_000 });
  await alert.getByText('it restarts by itself').waitFor();
  await shot(page, 'error-calls');
  await page.unroute('**/api/pitot/v1/calls?**');
  await alert.getByRole('button', { name: 'Try again' }).click();
  await alert.waitFor({ state: 'detached' });
  await done();
});

test('the network is gone: it says so', async () => {
  const { page, done } = await open(browser, '/status', { expected: ['ERR_FAILED'] });
  await page.route('**/api/**', (r) => r.abort());
  await page.getByRole('link', { name: 'Models', exact: true }).click();
  await page.getByText('Pitot does not answer. Is it running?').first().waitFor({ timeout: 20_000 });
  await done();
});

test('addresses that lead nowhere', async () => {
  for (const [path, text] of [['/nowhere', 'There is no such page'], ['/calls/01JZZZZZZZZZZZZZZZZZZZZZZZ', 'There is no such call'], ['/traces/ffffffffffffffffffffffffffffffff', /There is nothing here|no trace/i]]) {
    const { page, done } = await open(browser, path, { expected: ['404'] });
    await page.getByText(text).first().waitFor({ timeout: 20_000 });
    await done();
  }
});

test('a range without data says so; a wrong filter is explained at its field', async () => {
  const quiet = await open(browser, '/calls?start=2001-01-01T00:00:00Z&end=2001-01-02T00:00:00Z');
  await quiet.page.getByText(/No calls|No data|nothing matches/i).first().waitFor();
  await shot(quiet.page, 'empty-range-calls');
  await quiet.done();
  const wrong = await open(browser, '/calls?query=' + encodeURIComponent('status:(ok'), { expected: ['400'] });
  await until('the error of the filter', async () => /missing|unexpected|parse|cannot/i.test(await wrong.page.locator('main').innerText()));
  await settled(wrong.page);
  await wrong.done();
});
