// A server where people must log in: the login, what each role sees, tenants
// apart, and keys.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { reload, run } from './act.mjs';
import { accessibility, launch, open, same, settled, shot, until } from './lib.mjs';
import { binary, provider, serve } from './server.mjs';

const password = `not-a-password-${run()}`;
const user = (name, role, more = '') => `    - {name: ${name}, password_hash: '${hash}', roles: [${role}]${more}}\n`;
const hash = execFileSync(binary, ['auth', 'hash'], { input: password }).toString().trim();
const config = (upstream) => `auth:
  enabled: true
  tenants: [acme]
  users:
${user('ada', 'admin')}${user('vic', 'viewer')}${user('bob', 'developer', ', tenant: acme')}gateway:
  keys: required
  upstreams:
    - {name: openai, dialect: openai, base_url: "${upstream}", proxy: none, api_key: not-a-key}
`;

let browser, upstream, own;
before(async () => {
  browser = await launch();
  upstream = await provider({ model: 'journey-7b', input: 100, output: 50 });
  own = await serve(config(upstream.url));
});
after(async () => {
  await browser?.close();
  await own?.stop();
  upstream?.stop();
});

/** Asks as a user, or with a key. */
async function ask(path, { as, key, ...init } = {}) {
  const authorization = key === undefined ? `Basic ${Buffer.from(`${as}:${password}`).toString('base64')}` : `Bearer ${key}`;
  return fetch(`${own.url}/api/pitot/v1${path}`, { ...init, headers: { Authorization: authorization, 'Content-Type': 'application/json', ...init.headers } });
}

async function login(page, name, word = password) {
  await page.locator('input[name="username"]').fill(name);
  await page.locator('input[name="password"]').fill(word);
  await page.getByRole('button', { name: 'Log in' }).click();
}

const call = (key, text) =>
  fetch(`${own.gateway}/openai/v1/chat/completions`, { method: 'POST', headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' }, body: JSON.stringify({ model: 'journey-7b', messages: [{ role: 'user', content: text }] }) });

/** The ids of the calls that somebody sees. */
const calls = async (as, headers = {}) => (await (await ask('/calls', { as, headers })).json()).calls.map((c) => c.id);

async function makeKey(body) {
  const r = await ask('/keys', { as: 'ada', method: 'POST', body: JSON.stringify(body) });
  assert.equal(r.status, 200, await r.clone().text());
  return (await r.json()).secret;
}

test('the login stands in the place of every page, and leads to the one that was wanted', async () => {
  for (const [lang, theme] of [['en', 'light'], ['zh', 'dark']]) {
    const { page, done } = await open(browser, '/calls?status=error', { at: own.url, lang, theme, expected: ['401'] });
    await page.locator('input[name="username"]').waitFor();
    assert.deepEqual(await accessibility(page), []);
    await shot(page, `login-${lang}-${theme}`);
    await done();
  }
  const { page, done } = await open(browser, '/calls?status=error', { at: own.url, expected: ['401'] });
  await login(page, 'ada', 'wrong');
  await page.getByText('is wrong').waitFor();
  await login(page, 'ada');
  await page.getByTestId('account').waitFor();
  assert.equal(new URL(page.url()).pathname + new URL(page.url()).search.slice(0, 13), '/calls?status=error');
  await reload(page);
  await page.getByTestId('account').click();
  await page.getByText('ada · admin').waitFor();
  await page.getByRole('menuitem', { name: 'Log out' }).click();
  await page.getByRole('button', { name: 'Log in' }).waitFor();
  await done();
});

test('a key is made, shown once, used, and revoked', async () => {
  const { page, done } = await open(browser, '/keys', { at: own.url, expected: ['401'] });
  await login(page, 'ada');
  await page.getByRole('button', { name: 'New key' }).first().click();
  const name = `checkout ${run()}`;
  await page.getByLabel('What is it for?').fill(name);
  await page.getByRole('checkbox', { name: /^gateway/ }).check();
  await page.getByRole('checkbox', { name: /^query/ }).check();
  await page.getByLabel('Calls are of the service').fill('checkout');
  assert.deepEqual(await accessibility(page), []);
  await shot(page, 'keys-new');
  await page.getByRole('button', { name: 'Make the key' }).click();
  const key = (await page.getByTestId('secret').textContent()).trim();
  assert.equal((await call(key, 'Hello')).status, 200);
  await page.getByRole('button', { name: 'I have copied it' }).click();
  const row = page.getByTestId('key').filter({ hasText: name });
  await row.waitFor();
  assert.equal(await page.getByText(key).count(), 0, 'the key is still in the page');
  assert.deepEqual(await accessibility(page), []);
  await shot(page, 'keys', { fullPage: true });
  await same('the call is the key\'s service', async () => (await (await ask('/calls?service=checkout', { key })).json()).calls.length, 1);
  await row.getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await row.getByText('revoked').waitFor();
  assert.equal((await call(key, 'Hello')).status, 401);
  assert.equal((await ask('/calls', { key })).status, 401);
  await done();
});

test('who may see no content sees none, and tenants see their own', async () => {
  const ours = await makeKey({ name: 'ours', scopes: ['gateway'] });
  const theirs = await makeKey({ name: 'theirs', scopes: ['gateway'], tenant: 'acme' });
  const word = `needle${run()}`;
  for (const key of [ours, theirs]) assert.equal((await call(key, word)).status, 200);
  const [acme] = await until('the call of acme', async () => { const ids = await calls('bob'); return ids.length === 1 && ids; });
  const [mine] = await until('the call of the default tenant', async () => {
    const found = await (await ask(`/calls?search=${word}`, { as: 'ada' })).json();
    return found.calls.length === 1 && [found.calls[0].id];
  });
  assert.equal((await ask(`/calls/${acme}`, { as: 'vic' })).status, 404);
  assert.equal((await ask(`/calls/${mine}`, { as: 'bob' })).status, 404);

  // A viewer.
  const viewer = await open(browser, `/calls/${mine}`, { at: own.url, expected: ['401', '403'] });
  await login(viewer.page, 'vic');
  await viewer.page.getByTestId('account').click();
  await viewer.page.getByText('Your role shows no prompts and answers.').waitFor();
  await viewer.page.keyboard.press('Escape');
  await settled(viewer.page);
  await viewer.page.getByText('journey-7b').first().waitFor();
  await viewer.page.getByText('Prompts and answers are not shown to your role').first().waitFor();
  assert.equal(await viewer.page.getByText(word).count(), 0, 'the prompt is shown');
  await shot(viewer.page, 'call-viewer');
  await viewer.page.goto(`${own.url}/keys`);
  await viewer.page.getByText('Only administrators manage keys').waitFor();
  await viewer.done();

  // Every page of a user of another tenant works, though much is not for him.
  const other = await open(browser, `/calls/${acme}`, { at: own.url, expected: ['401', '403', '404'] });
  await login(other.page, 'bob');
  await other.page.getByText(word).first().waitFor();
  for (const path of ['/', '/calls', '/traces', '/sessions', '/models', '/cost', '/alerts', '/slos', '/quality', '/logs', '/query', '/infrastructure', '/status', '/setup', '/keys']) {
    await other.page.goto(own.url + path, { waitUntil: 'domcontentloaded' });
    await settled(other.page);
    assert.deepEqual(await accessibility(other.page), [], path);
    assert.equal(await other.page.getByText('The rest of Pitot goes on.').count(), 0, path);
  }
  await other.page.goto(`${own.url}/alerts`);
  await other.page.getByText('This is not for your role or tenant').first().waitFor();
  await shot(other.page, 'alerts-tenant');
  await other.done();

  // An administrator looks at one tenant after the other.
  const admin = await open(browser, '/calls', { at: own.url, expected: ['401', '403'] });
  await login(admin.page, 'ada');
  await admin.page.getByTestId('account').click();
  await admin.page.getByRole('menuitem', { name: 'acme' }).click();
  await same('only the call of acme', () => admin.page.locator('[role="row"][data-index]').count(), 1);
  await shot(admin.page, 'calls-tenant');
  await admin.done();
});
