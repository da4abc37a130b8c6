// What one does on the pages that ask and on those about the server itself: each
// action by role and name, and its result held against the API.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { address, answer, cells, copied, csv, downloaded, number, prom, reload, rowCount, run, seconds } from './act.mjs';
import { api, base, history, launch, open, same, settled, shot, until } from './lib.mjs';

let browser;
let range;
before(async () => {
  browser = await launch();
  range = await history();
});
after(() => browser?.close());

/** A page over the made-up history, so that it shows what the API answers for the same. */
const at = (path, params = {}) => `${path}?${new URLSearchParams({ ...range, ...params })}`;
const logs = async (query) => (await (await fetch(`${base}/select/logsql/query?${new URLSearchParams({ query, ...range, limit: '1000' })}`)).text()).split('\n').filter((l) => l !== '').map((l) => JSON.parse(l));

// Logs

test('logs: completion of a field and its values, facets, columns', async () => {
  const { page, done } = await open(browser, at('/logs'));
  const editor = page.getByRole('textbox', { name: 'LogsQL query' });
  const hits = async (n) => page.getByRole('region', { name: 'Hits' }).getByText(`${n.toLocaleString('en-US')} hits`, { exact: true }).waitFor();
  await editor.click();
  await page.keyboard.type('serv');
  await page.getByRole('option', { name: /^service/ }).first().click();
  await page.getByRole('option', { name: /^support-chat/ }).first().click();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Enter');
  await address(page, { query: 'service:="support-chat"' });
  await hits((await logs('kind:log service:="support-chat" | stats count() n'))[0].n * 1);
  // A facet adds its condition; its opposite replaces it.
  const facet = page.getByRole('region', { name: 'Fields' });
  await facet.getByRole('button', { name: /^error [\d,.K]+$/ }).click();
  await address(page, { query: 'service:="support-chat" level:="error"' });
  const [{ n: errors }] = await logs('kind:log service:="support-chat" level:="error" | stats count() n');
  await hits(Number(errors));
  await facet.getByRole('button', { name: `error ${errors}`, exact: true, pressed: true }).waitFor();
  await facet.getByRole('button', { name: 'Without level = error', exact: true }).click();
  await address(page, { query: 'service:="support-chat" -level:="error"' });
  await hits(Number((await logs('kind:log service:="support-chat" -level:="error" | stats count() n'))[0].n));
  await page.goBack();
  await hits(Number(errors));
  await facet.getByRole('button', { name: 'Show error.type as a column' }).click();
  await address(page, { columns: 'error.type' });
  const rows = page.getByRole('treegrid', { name: 'Rows' });
  await rows.getByRole('columnheader', { name: 'error.type' }).waitFor();
  const want = await logs('kind:log service:="support-chat" level:="error"');
  await reload(page);
  const newest = want.map((r) => r._time).sort().at(-1);
  const shown = want.filter((r) => r._time === newest).map((r) => [r._msg, r['error.type'] ?? ''].join('|'));
  await until('the column', async () => shown.includes((await rows.locator('[data-line="0"] [role="gridcell"]').allInnerTexts()).slice(-2).join('|')));
  await shot(page, 'operate-logs', { fullPage: true });
  await done();
});

test('logs: a row with what surrounds it, and from it to its trace', async () => {
  const { page, done } = await open(browser, at('/logs', { query: 'trace_id:* level:="error"' }));
  const rows = page.getByRole('treegrid', { name: 'Rows' });
  const first = rows.locator('[data-line="0"]');
  await first.focus();
  await page.keyboard.press('j');
  await page.keyboard.press('k');
  await page.keyboard.press('Enter');
  await rows.getByRole('button', { name: 'Context' }).click();
  const context = page.getByRole('dialog', { name: /^Rows around/ });
  const message = (await first.getByRole('gridcell').last().innerText()).trim();
  await context.locator('[aria-current="true"]').getByText(message).waitFor();
  await context.getByText('Everything').click();
  await until('rows around it', async () => (await context.locator('[aria-current="true"]').count()) === 1 && (await context.innerText()).split('\n').length > 20);
  await shot(page, 'operate-logs-context');
  await page.keyboard.press('Escape');
  await context.waitFor({ state: 'detached' });
  await shot(page, 'operate-logs-row', { fullPage: true });
  await rows.getByRole('link', { name: 'Open trace' }).click();
  await page.waitForURL('**/traces/*');
  const id = new URL(page.url()).pathname.split('/').at(-1);
  const trace = await api(`/traces/${id}`);
  assert.ok(trace.spans.length > 0);
  await settled(page);
  assert.match(await page.getByRole('main').innerText(), new RegExp(`${trace.spans.length} span`));
  await done();
});

test('logs: all kinds; rows as they come, paused and on again', async () => {
  const { page, done } = await open(browser, at('/logs', { query: 'service:="support-chat"' }));
  await page.getByRole('switch', { name: 'All kinds' }).press(' ');
  await address(page, { all: '1' });
  await page.getByRole('columnheader', { name: 'Kind' }).waitFor();
  const kinds = await logs('service:="support-chat" | stats by (kind) count() n');
  assert.ok(kinds.length > 1);
  const total = kinds.reduce((n, k) => n + Number(k.n), 0);
  await page.getByText(`${total.toLocaleString('en-US')} hits`, { exact: true }).waitFor();
  await shot(page, 'operate-logs-kinds');
  await done();

  const service = `journey-${run()}`;
  const say = async (message) => {
    const r = await fetch(`${base}/_bulk`, { method: 'POST', headers: { 'Content-Type': 'application/x-ndjson' }, body: `{"index":{"_index":"journeys"}}\n${JSON.stringify({ '@timestamp': new Date().toISOString(), level: 'info', message, service })}\n` });
    assert.equal(r.status, 200);
  };
  const live = await open(browser, `/logs?${new URLSearchParams({ query: `service:="${service}"` })}`);
  await live.page.getByText('No rows match').waitFor();
  await live.page.getByRole('switch', { name: 'Live' }).press(' ');
  await address(live.page, { tail: '1' });
  await live.page.getByText('Waiting for new rows …').waitFor();
  const rows = live.page.getByRole('treegrid', { name: 'Rows' });
  // A tail begins when the server has taken it: what is said before that is not of it.
  let said = 0;
  await until('a row that came', async () => {
    await say(`before ${said++}`);
    return rows.getByText(/^before/).first().waitFor({ timeout: 3000 }).then(() => true);
  }, 60_000);
  await live.page.getByRole('button', { name: 'Pause' }).click();
  await say('meanwhile');
  await live.page.getByText(/^Paused: [1-9]/).waitFor({ timeout: 60_000 });
  assert.equal(await rows.getByText('meanwhile').count(), 0);
  await shot(live.page, 'operate-logs-live');
  await live.page.getByRole('button', { name: 'Go on' }).click();
  await rows.getByText('meanwhile').waitFor({ timeout: 60_000 });
  await live.done();
});

test('logs: a query with stats is a table and a chart, saved as CSV', async () => {
  const query = '* | stats by (service) count() n';
  const { page, done } = await open(browser, at('/logs', { query }));
  const table = page.getByRole('table', { name: 'Result' });
  const want = Object.fromEntries((await logs(`kind:log | stats by (service) count() n`)).map((r) => [r.service, Number(r.n)]));
  await same('the table', async () => Object.fromEntries((await cells(table)).map(([s, n]) => [s, number(n)])), want);
  await page.getByRole('img', { name: 'n over time' }).waitFor();
  const { bytes } = await downloaded(page, () => page.getByRole('button', { name: 'Download as CSV' }).click());
  assert.deepEqual(Object.fromEntries(csv(bytes.toString()).map((r) => [r.service, Number(r.n)])), want);
  await shot(page, 'operate-logs-stats', { fullPage: true });
  await done();
});

// Query

test('query: an expression with completion, as graph, table, parts; saved as CSV', async () => {
  const { page, done } = await open(browser, at('/query'));
  const editor = page.getByRole('textbox', { name: 'PromQL expression a' });
  await editor.click();
  await page.keyboard.type('sum by (model) (rate(llm_requests_t');
  await page.getByRole('option', { name: /^llm_requests_total/ }).first().click();
  // What brackets are open was closed by the editor.
  await page.keyboard.type('[5m');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Enter');
  const expr = 'sum by (model) (rate(llm_requests_total[5m]))';
  await address(page, { expr });
  const legend = page.getByRole('group', { name: /^Series of the chart/ });
  const vector = (await prom('/query', { query: expr, time: seconds(range.end) })).result;
  await same('the series', () => legend.getByRole('button').count(), vector.length);
  await legend.getByRole('button', { name: /^gpt-4o / }).click();
  await legend.getByRole('button', { name: /^gpt-4o /, pressed: true }).waitFor();
  await page.getByRole('switch', { name: 'Stacked' }).press(' ');
  const exemplars = answer(page, '/api/v1/query_exemplars');
  await page.getByRole('switch', { name: 'Exemplars' }).press(' ');
  assert.deepEqual((await exemplars).data, []);
  await page.getByText('These metrics keep no exemplars in this range').waitFor();
  await address(page, { show: 'stacked,exemplars' });
  await shot(page, 'operate-query-graph', { fullPage: true });

  await page.getByRole('tab', { name: 'Table' }).click();
  await address(page, { tab: 'table' });
  const table = page.getByRole('table', { name: expr });
  const values = Object.fromEntries(vector.map((s) => [s.metric.model, Number(s.value[1])]));
  await same('the table', async () => Object.fromEntries((await cells(table)).map(([m, v]) => [m, Number(v)])), values);
  const text = await copied(page, () => page.getByRole('button', { name: 'Copy as CSV' }).click());
  assert.deepEqual(Object.fromEntries(csv(text).map((r) => [r.model, Number(r.value)])), values);
  const saved = await downloaded(page, () => page.getByRole('button', { name: 'Download as CSV' }).click());
  assert.deepEqual([saved.name, saved.bytes.toString()], ['query.csv', text]);
  await shot(page, 'operate-query-table');

  await page.getByRole('tab', { name: 'Explain' }).click();
  const part = page.getByRole('list', { name: 'Parts of the expression' }).getByRole('listitem', { name: 'llm_requests_total[5m]', exact: true });
  await part.getByText(/results?$/).first().waitFor();
  await shot(page, 'operate-query-explain');
  await page.getByRole('button', { name: 'Open this part as a query of its own: llm_requests_total[5m]' }).click();
  await page.getByRole('region', { name: 'Query b' }).waitFor();
  assert.deepEqual(new URL(page.url()).searchParams.getAll('expr').length, 2);
  await reload(page);
  await page.getByRole('region', { name: 'Query b' }).waitFor();
  await done();
});

test('query: histograms, the metrics there are, several queries, a mistake', async () => {
  const { page, done } = await open(browser, at('/query', { expr: 'sum by (service) (increase(llm_request_duration_seconds[10m]))' }), { expected: ['400'] });
  await page.getByRole('tab', { name: 'Histogram' }).click();
  const n = (await prom('/query', { query: 'sum by (service) (increase(llm_request_duration_seconds[10m]))', time: seconds(range.end) })).result.length;
  await same('a histogram each', () => page.getByRole('img', { name: /^Histogram: / }).count(), Math.min(n, 12));
  await shot(page, 'operate-query-histogram');

  await page.getByRole('button', { name: 'Metric explorer' }).click();
  const explorer = page.getByRole('dialog', { name: 'Metric explorer' });
  await explorer.getByRole('textbox').fill('first token');
  await explorer.getByRole('button', { name: /^llm_time_to_first_token_seconds / }).first().click();
  await explorer.getByText('service', { exact: true }).waitFor();
  await shot(page, 'operate-query-metric');
  await explorer.getByRole('button', { name: /^95th percentile/ }).first().click();
  await page.waitForURL((u) => /^histogram_quantile\(0\.95.*llm_time_to_first_token_seconds/.test(u.searchParams.get('expr')));
  // What is no histogram is drawn as a graph, with the calls behind it.
  await address(page, { tab: null });
  const exemplars = answer(page, '/api/v1/query_exemplars');
  await page.getByRole('switch', { name: 'Exemplars' }).press(' ');
  assert.ok((await exemplars).data.some((s) => s.exemplars.some((e) => /^[0-9a-f]{32}$/.test(e.labels.trace_id))));
  await page.getByRole('img', { name: /^histogram_quantile.* over time$/ }).waitFor();
  await shot(page, 'operate-query-exemplars');

  await page.getByRole('button', { name: 'Add a query' }).click();
  const b = page.getByRole('region', { name: 'Query b' });
  const second = b.getByRole('textbox', { name: 'PromQL expression b' });
  await second.click();
  await page.keyboard.type('up');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Enter');
  const up = (await prom('/query', { query: 'up', time: seconds(range.end) })).result.length;
  await same('targets', () => b.getByRole('group', { name: /^Series of the chart/ }).getByRole('button').count(), up);
  await second.click();
  await page.keyboard.press('Control+A');
  await page.keyboard.type('sum(rate(up))');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Enter');
  const wrong = await (await fetch(`${base}/api/v1/query?query=${encodeURIComponent('sum(rate(up))')}`)).json();
  assert.match(wrong.error, /range vector/);
  await b.getByRole('alert').getByText(/expected type range vector/).first().waitFor();
  await shot(page, 'operate-query-error', { fullPage: true });
  await done();
});

test('query: an address of Prometheus leads here', async () => {
  const { page, done } = await open(browser, `/graph?${new URLSearchParams({ 'g0.expr': 'up', 'g0.tab': '1', 'g0.range_input': '15m' })}`);
  await page.waitForURL((u) => u.pathname === '/query' && u.searchParams.get('expr') === 'up' && u.searchParams.get('tab') === 'table' && u.searchParams.get('start') === '-15m');
  await same('the targets', () => rowCount(page.getByRole('table', { name: 'up' })), (await prom('/query', { query: 'up' })).result.length);
  await done();
});

// Servers

test('infrastructure: a model server by itself', async () => {
  const { page, done } = await open(browser, at('/infrastructure'));
  const table = page.getByRole('table', { name: 'Model servers' });
  const there = (await prom('/query', { query: 'sum by (server, model, instance) (llm_server_requests_running)', time: seconds(range.end) })).result;
  await same('the servers', async () => (await cells(table)).map((r) => r[1]).sort(), there.map((s) => s.metric.model).sort());
  const one = there.find((s) => s.metric.model === 'acme-internal-7b');
  const row = table.getByRole('row').filter({ hasText: 'acme-internal-7b' });
  assert.equal(number((await row.getByRole('cell').allInnerTexts())[3]), Number(one.value[1]));
  await row.click();
  await address(page, { server: one.metric.server, model: 'acme-internal-7b', on: one.metric.instance });
  await reload(page);
  await page.getByText(`Only ${one.metric.server} acme-internal-7b`).waitFor();
  assert.equal(await table.getByRole('row', { selected: true }).count(), 1);
  await shot(page, 'operate-infrastructure', { fullPage: true });
  await page.getByRole('link', { name: 'Calls of this model' }).waitFor();
  await page.getByRole('button', { name: 'All servers' }).click();
  await address(page, { server: null, model: null, on: null });
  await done();
});

test('status: components, senders, targets and the ledger say what the API says', async () => {
  const { page, done } = await open(browser, at('/status'));
  const status = await api('/status');
  await same('components', async () => (await cells(page.getByRole('table', { name: 'Health' }))).map((r) => r[0]), status.components.map((c) => c.name));
  assert.match(await page.getByRole('region', { name: 'Version' }).innerText(), new RegExp(status.version.replace(/[()]/g, '\\$&')));
  assert.match(await page.getByRole('table', { name: 'Health' }).innerText(), /MB on disk/, 'what is stored');

  await page.getByRole('tab', { name: 'Senders' }).click();
  await page.waitForURL('**/status/senders?**');
  const { senders } = await api('/senders', range);
  const table = page.getByRole('table', { name: 'Senders' });
  await same('senders', async () => (await cells(table)).map((r) => `${r[0]} ${number(r[3])}`).sort(), senders.map((s) => `${s.service} ${s.calls}`).sort());
  const chosen = senders.find((s) => s.findings.length > 0) ?? senders.at(-1);
  await table.getByRole('row').filter({ hasText: chosen.service }).filter({ hasText: chosen.name }).first().click();
  await page.waitForURL((u) => u.searchParams.has('sender'));
  const panel = page.getByRole('region', { name: `${chosen.service} · ${chosen.name}` });
  for (const f of chosen.findings) await panel.getByText(f.message).waitFor();
  await shot(page, 'operate-senders', { fullPage: true });

  await page.getByRole('tab', { name: 'Scrape targets' }).click();
  const { activeTargets } = await prom('/targets', { state: 'active' });
  await same('targets', async () => (await cells(page.getByRole('table', { name: 'Scrape targets' }))).map((r) => `${r[0]} ${r[2]}`).sort(), activeTargets.map((t) => `${t.scrapePool} ${t.scrapeUrl}`).sort());

  await page.getByRole('tab', { name: 'Ledger' }).click();
  const ledger = page.getByRole('table', { name: 'Ledger' });
  await same('sources', async () => (await cells(ledger)).map((r) => r[0]), (await api('/ledger')).sources.map((s) => s.source));
  for (const [source, received, stored, flight, dropped, state] of await cells(ledger)) {
    assert.equal(number(received), number(stored) + number(flight) + number(dropped), source);
    assert.equal(state, 'balanced', source);
  }
  await shot(page, 'operate-ledger');
  await done();
});

test('doctor: names why a page is empty, and leads to where data is', async () => {
  const nobody = await open(browser, at('/status/doctor', { service: 'nobody' }));
  const { causes } = await api('/doctor', { ...range, service: 'nobody' });
  assert.equal(causes[0].code, 'filter_excludes_data');
  await nobody.page.getByRole('alert').getByText(causes[0].message.en).waitFor();
  await nobody.page.getByText(causes[0].action.en).waitFor();
  await nobody.done();
  const { page, done } = await open(browser, '/status/doctor?start=2001-01-01T00:00:00Z&end=2001-01-02T00:00:00Z');
  await page.getByText('The range has no calls, but there are calls of another time.').waitFor();
  await shot(page, 'operate-doctor');
  await page.getByRole('button', { name: 'Show the range that has data' }).click();
  await page.waitForURL((u) => Date.parse(u.searchParams.get('start')) > Date.parse('2020-01-01'));
  await page.getByText('No cause was found: data arrives and is stored.').waitFor();
  await page.getByText(/^[\d,]+ calls in this range/).waitFor();
  await done();
});
