// From an empty server to one that is connected, priced and watched, by what the
// pages have to copy.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { address, copied } from './act.mjs';
import { api, launch, open, same, shot, until } from './lib.mjs';
import { provider, serve } from './server.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

const secret = 'x'.repeat(30) + '-not-a-key';
const config = (upstream) => `gateway:
  upstreams:
    - {name: openai, dialect: openai, base_url: "${upstream}", proxy: none, headers: {X-Journey-Key: "${secret}"}}
alertmanager:
  route: {receiver: nowhere}
  receivers: [{name: nowhere, webhook_configs: [{url: "http://127.0.0.1:1/"}]}]
`;

test('a first run: connected by what the page has to copy, then priced, watched and reconfigured', async () => {
  const model = 'journey-7b';
  const upstream = await provider({ model, input: 1000, output: 500 });
  const own = await serve(config(upstream.url)).catch((e) => { upstream.stop(); throw e; });
  try {
    await firstRun(own, upstream.url, model);
  } finally {
    await own.stop();
    upstream.stop();
  }
});

async function firstRun(own, upstream, model) {
  const { page, done } = await open(browser, '/setup', { at: own.url, expected: ['422'] });
  await page.getByText('Nothing has arrived yet.').waitFor();
  const part = (name) => page.getByRole('region', { name });
  /** What is to be copied of a way, chosen by its name and the tab. */
  const snippet = async (name, tab) => {
    await page.getByRole('button', { name: new RegExp(`^${name}`) }).click();
    await part(name).getByRole('status').getByText('waiting').waitFor();
    await part(name).getByRole('tab', { name: tab, exact: true }).click();
    return copied(page, () => part(name).getByRole('tabpanel').getByRole('button', { name: 'Copy', exact: true }).click());
  };
  const green = (name) => part(name).getByRole('status').getByText('data arrives').waitFor({ timeout: 60_000 });

  // A call through the gateway.
  const line = await snippet('OpenAI SDKs', 'curl');
  const url = /^curl (\S+)/.exec(line)[1];
  assert.equal(url, `${own.gateway}/openai/v1/chat/completions`);
  const call = async () => {
    const r = await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Pitot-Service': 'my-app' }, body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] }) });
    assert.equal(r.status, 200, await r.clone().text());
  };
  await call();
  await green('OpenAI SDKs');
  await page.getByRole('button', { name: 'OpenAI SDKs data arrives' }).waitFor();
  await shot(page, 'operate-setup', { fullPage: true });

  // A span over OTLP.
  const env = await snippet('OpenTelemetry GenAI', 'env');
  const endpoint = /OTEL_EXPORTER_OTLP_ENDPOINT=(\S+)/.exec(env)[1];
  assert.equal(endpoint, own.otlp);
  const now = BigInt(Date.now()) * 1_000_000n;
  const attr = (key, stringValue) => ({ key, value: { stringValue } });
  const spans = [{ traceId: randomBytes(16).toString('hex'), spanId: randomBytes(8).toString('hex'), name: 'chat gpt-4o', kind: 3, startTimeUnixNano: String(now - 1_000_000_000n), endTimeUnixNano: String(now), attributes: [attr('gen_ai.operation.name', 'chat'), attr('gen_ai.provider.name', 'openai'), attr('gen_ai.request.model', 'gpt-4o')] }];
  const sent = await fetch(`${endpoint}/v1/traces`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ resourceSpans: [{ resource: { attributes: [attr('service.name', 'my-app')] }, scopeSpans: [{ spans }] }] }) });
  assert.equal(sent.status, 200);
  await green('OpenTelemetry GenAI');

  // A log.
  const shipper = await snippet('fluentd, fluent-bit, rsyslog', 'curl');
  const bulk = /(http\S+_bulk)/.exec(shipper)[1];
  assert.equal(new URL(bulk).origin, own.url);
  assert.equal((await fetch(bulk, { method: 'POST', headers: { 'Content-Type': 'application/x-ndjson' }, body: `{"index":{}}\n{"@timestamp":"${new Date().toISOString()}","level":"info","message":"hello","service":"my-app"}\n` })).status, 200);
  await green('fluentd, fluent-bit, rsyslog');
  await page.getByRole('link', { name: 'See your calls' }).click();
  await page.waitForURL('**/calls**');
  await page.getByText(model, { exact: true }).first().waitFor();

  // Its model has no price: what the page says is written into the file, and read again.
  await page.goto(`${own.url}/cost/unpriced`);
  const unpriced = page.getByRole('region', { name: model, exact: true });
  await unpriced.getByText(own.file, { exact: false }).waitFor();
  await unpriced.getByRole('radiogroup', { name: 'Ways to price it' }).getByText('Own price').click();
  const prices = await copied(page, () => unpriced.getByRole('button', { name: 'Copy YAML' }).click());
  const reloaded = async () => {
    await page.getByRole('main').getByRole('button', { name: 'Reload configuration' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Reload configuration' }).click();
  };
  own.write(config(upstream) + 'gateway: {upstreams: {}}\n');
  await reloaded();
  await page.getByRole('dialog').getByRole('alert').waitFor();
  await shot(page, 'operate-reload-wrong');
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  const good = config(upstream) + prices.replace('input: 0.0', 'input: 2').replace('output: 0.0', 'output: 8');
  own.write(good);
  await reloaded();
  await page.getByText('The configuration was reloaded').waitFor();
  await call();
  const priced = await until('a call with a price', async () => (await api('/calls', { model }, own.url)).calls.find((c) => c.cost.usd !== undefined));
  assert.ok(Math.abs(priced.cost.usd - (1000 * 2 + 500 * 8) / 1e6) < 1e-9, JSON.stringify(priced.cost));
  await page.goto(`${own.url}/cost/prices?find=${model}`);
  await page.getByRole('table', { name: 'Prices in force' }).getByRole('row').filter({ hasText: 'configuration' }).waitFor();

  // An objective as the page declares it.
  await page.goto(`${own.url}/slos`);
  await page.getByRole('button', { name: 'Declare an objective' }).click();
  await address(page, { declare: '1' });
  const slos = await copied(page, () => page.getByRole('button', { name: 'Copy the YAML' }).click());
  await shot(page, 'operate-declare');
  own.write(good + slos);
  await page.goto(`${own.url}/status/config`);
  await page.getByRole('main').getByRole('button', { name: 'Reload' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Reload' }).click();
  await page.getByText('The configuration was read again').waitFor();
  const effective = page.getByLabel('In effect', { exact: true }).and(page.locator('pre'));
  await effective.getByText('chat-feels-quick').waitFor();
  const text = await effective.innerText();
  assert.ok(text.includes(upstream) && text.includes('<secret>'), 'the upstream, with its secret hidden');
  assert.equal((await page.content()).includes(secret), false);
  await shot(page, 'operate-config', { fullPage: true });
  // Beside those that every server has.
  const declared = async () => (await api('/slos', {}, own.url)).slos.filter((o) => ['chat-feels-quick', 'checkout'].includes(o.name)).map((o) => [o.name, o.objective]).sort();
  await same('the objectives', declared, [['chat-feels-quick', 0.95], ['checkout', 0.999]]);

  // A channel that leads nowhere says so.
  await page.goto(`${own.url}/alerts/channels`);
  await page.getByRole('button', { name: 'Send a test: nowhere' }).click();
  await part('nowhere').getByRole('status').getByText('Not every channel took the test').waitFor();
  await part('nowhere').getByText(/connection refused/).first().waitFor();
  await shot(page, 'operate-channel-fails');
  await done();
}
