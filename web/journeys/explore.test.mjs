// What one does to find and to understand: overview, calls, one call, two calls,
// traces, sessions, dashboards. Each action is done as a user does it, and what
// the page then shows is held against what the API answers for the same.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { api, base, history, launch, open, rowsOf, same, settled, shot, until } from './lib.mjs';

let browser;
/** The made-up history: no call comes into it any more. */
let range;
before(async () => {
  browser = await launch();
  range = await history();
});
after(() => browser?.close());

const number = (n) => n.toLocaleString('en-US');
const link = (path, params = {}) => `${path}?${new URLSearchParams({ ...range, ...params })}`;
const param = (page, name) => new URL(page.url()).searchParams.get(name);
const has = (page, params) => page.waitForURL((u) => Object.entries(params).every(([k, v]) => u.searchParams.get(k) === v));
const counted = async (filter) => (await api('/summary', { ...range, ...filter })).totals.calls;
const listed = async (filter, limit = 12) => (await api('/calls', { ...range, ...filter, limit: String(limit) })).calls;

/** Opens the explorer with the columns that these journeys read. */
const explorer = (params = {}, o) => open(browser, link('/calls', { columns: 'time,id,provider,model,duration,cost', ...params }), o);
const callTable = (page) => page.getByRole('table', { name: 'Calls', exact: true });
const histogram = (page, n) => page.getByRole('img', { name: `Calls over time with failed ones; select a range to zoom in: ${number(n)} /` });
const idsOf = async (table, n = 12) => (await rowsOf(table)).slice(0, n).map((r) => r['Call ID']);

/** The explorer shows these calls, in this order, and says how many they are. */
async function shows(page, filter, order = {}) {
  await histogram(page, await counted(filter)).waitFor();
  await same(`the calls of ${JSON.stringify({ ...filter, ...order })}`, () => idsOf(callTable(page)), (await listed({ ...filter, ...order })).map((c) => c.id));
}

/** Presses at one place of an element, moves to another, and lets go: shares of its width and height. */
async function drag(page, element, from, to) {
  await element.scrollIntoViewIfNeeded();
  const b = await element.boundingBox();
  await page.mouse.move(b.x + b.width * from[0], b.y + b.height * from[1]);
  await page.mouse.down();
  await page.mouse.move(b.x + b.width * (from[0] + to[0]) / 2, b.y + b.height * (from[1] + to[1]) / 2);
  await page.mouse.move(b.x + b.width * to[0], b.y + b.height * to[1]);
  await page.mouse.up();
}

/** What a click saves: its name and its bytes. */
async function saved(page, click) {
  const [download] = await Promise.all([page.waitForEvent('download'), click()]);
  return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
}

/** The records of a CSV file (RFC 4180). */
function csv(text) {
  const records = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    records.at(-1).push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end !== ',') records.push([]);
  }
  return records.filter((r) => r.length > 1 || (r[0] ?? '') !== '');
}

/** Holds the answers to a request back until one lets them go; `asked` comes when the page waits for one. */
async function hold(page, url) {
  let come;
  let go;
  const asked = new Promise((resolve) => { come = resolve; });
  const gate = new Promise((resolve) => { go = resolve; });
  const route = async (r) => {
    come();
    await gate;
    await r.continue().catch(() => {}); // the page has asked anew, or is gone
  };
  await page.route(url, route);
  const release = async () => {
    go();
    await page.unroute(url, route);
  };
  return { asked, release };
}

// ---------------------------------------------------------------- overview

test('overview: the panels of a role, and without one of them; a reload keeps both', async () => {
  const { page, done } = await open(browser, link('/'));
  const panel = (name) => page.getByRole('region', { name, exact: true });
  await panel('Requests by status').waitFor();
  await page.getByRole('radiogroup', { name: 'View for' }).getByText('Finance', { exact: true }).click();
  await has(page, { role: 'finance' });
  await panel('Cost by service').waitFor();
  await panel('Requests by status').waitFor({ state: 'detached' });
  const { totals } = await api('/summary', range);
  const priced = totals.calls - totals.by_state.unpriced.calls;
  await panel('Cost per call').getByText(`of ${number(priced)} priced calls`).waitFor();
  await panel('Requests').getByText(number(totals.calls)).first().waitFor();
  await page.getByRole('button', { name: 'Panels' }).click();
  await page.getByRole('checkbox', { name: 'Token throughput' }).uncheck();
  await panel('Token throughput').waitFor({ state: 'detached' });
  await page.keyboard.press('Escape');
  await shot(page, 'action-overview-finance');
  await page.reload();
  await panel('Cost by service').waitFor();
  assert.equal(await panel('Token throughput').count(), 0);
  assert.equal(param(page, 'role'), 'finance');
  // The browser keeps the choice, too: the address without it comes to the same.
  await page.goto(base + link('/'));
  await has(page, { role: 'finance' });
  await panel('Cost by service').waitFor();
  assert.equal(await panel('Token throughput').count(), 0);
  await done();
});

test('overview: filter by a service and a model; Back undoes, the filters can be cleared', async () => {
  const { page, done } = await open(browser, link('/'));
  const figure = (n) => page.getByRole('region', { name: 'Requests', exact: true }).getByText(`${number(n)} ·`).waitFor();
  await figure(await counted({}));
  await page.getByRole('button', { name: 'Service All' }).click();
  await page.getByRole('checkbox', { name: 'support-chat' }).check();
  await has(page, { service: 'support-chat' });
  await figure(await counted({ service: 'support-chat' }));
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Model All' }).click();
  await page.getByRole('checkbox', { name: 'gpt-4o-mini' }).check();
  await figure(await counted({ service: 'support-chat', model: 'gpt-4o-mini' }));
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Service support-chat' }).waitFor();
  await page.goBack();
  await figure(await counted({ service: 'support-chat' }));
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await figure(await counted({}));
  assert.equal(param(page, 'service'), null);
  await done();
});

test('overview: a panel as a table, as PromQL, in the query page', async () => {
  const { page, done } = await open(browser, link('/'));
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.getByRole('button', { name: 'Actions: Requests by status' }).click();
  await page.getByRole('menuitem', { name: 'Show as table' }).click();
  const table = page.getByRole('table', { name: 'Requests by status' });
  await same('a row a status', async () => (await rowsOf(table)).map((r) => r.Series).sort(), ['Errors', 'OK']);
  const step = Number(/(\d+)/.exec(await page.getByRole('region', { name: 'Requests by status' }).getByText(/^per /).innerText())[1]);
  const { series } = await api('/timeline', { ...range, step: `${step}s` });
  const most = Math.max(...series[0].errors);
  assert.equal((await rowsOf(table)).find((r) => r.Series === 'Errors').Max, number(most));
  await has(page, { table: 'requests' });
  await page.getByRole('button', { name: 'Actions: Requests by status' }).click();
  await page.getByRole('menuitem', { name: 'Show as chart' }).click();
  await page.getByRole('img', { name: 'Requests by status' }).waitFor();

  const menu = page.getByRole('button', { name: 'Actions: Latency p50, p95, p99' });
  await menu.click();
  await page.getByRole('menuitem', { name: 'Copy as PromQL' }).click();
  await page.getByText('Copied').first().waitFor();
  const lines = (await page.evaluate(() => navigator.clipboard.readText())).split('\n');
  assert.equal(lines.length, 3);
  const r = await fetch(`${base}/api/v1/query?${new URLSearchParams({ query: lines[1], time: range.end })}`);
  const answer = await r.json();
  assert.ok(Number(answer.data.result[0].value[1]) > 0, `${lines[1]}: ${JSON.stringify(answer)}`);
  await menu.click();
  await page.getByRole('menuitem', { name: 'Open in query page' }).click();
  await page.waitForURL((u) => u.pathname === '/query' && u.searchParams.getAll('expr').join('\n') === lines.join('\n') && u.searchParams.get('start') === range.start);
  await done();
});

test('overview: a drag over a chart zooms in, Back out again', async () => {
  const { page, done } = await open(browser, link('/'));
  const chart = page.getByRole('img', { name: 'Latency p50, p95, p99' });
  await chart.locator('canvas').waitFor();
  await drag(page, chart, [0.4, 0.4], [0.7, 0.5]);
  await page.waitForURL((u) => u.searchParams.get('start') !== range.start);
  const zoomed = { start: param(page, 'start'), end: param(page, 'end') };
  const share = (t) => (Date.parse(t) - Date.parse(range.start)) / (Date.parse(range.end) - Date.parse(range.start));
  assert.ok(share(zoomed.start) > 0.25 && share(zoomed.start) < 0.45 && share(zoomed.end) > 0.6 && share(zoomed.end) < 0.8, JSON.stringify(zoomed));
  await page.getByRole('region', { name: 'Requests', exact: true }).getByText(`${number(await counted(zoomed))} ·`).waitFor();
  await page.goBack();
  await has(page, range);
  await page.getByRole('region', { name: 'Requests', exact: true }).getByText(`${number(await counted({}))} ·`).waitFor();
  await done();
});

test('overview: an exemplar leads to its trace', async () => {
  // The latest are kept: those of the history go as the server runs.
  const latest = { start: new Date(Date.now() - 600_000).toISOString(), end: new Date().toISOString() };
  const { page, done } = await open(browser, link('/status/ledger', latest));
  const answer = page.waitForResponse((r) => r.url().includes('query_exemplars') && decodeURIComponent(r.url()).includes('llm_request_duration_seconds'));
  await page.getByRole('link', { name: 'Overview', exact: true }).click();
  const exemplars = (await (await answer).json()).data.flatMap((s) => s.exemplars).filter((e) => e.labels.trace_id !== undefined);
  assert.ok(exemplars.length > 0);
  const plot = page.getByRole('img', { name: 'Latency p50, p95, p99' }).locator('.u-over');
  await plot.scrollIntoViewIfNeeded();
  await settled(page);
  const b = await plot.boundingBox();
  const share = (e) => (e.timestamp * 1000 - Date.parse(latest.start)) / (Date.parse(latest.end) - Date.parse(latest.start));
  const one = exemplars.find((e) => share(e) > 0.05 && share(e) < 0.95);
  // Its height is told by the chart alone: one looks for it from below.
  const tip = page.getByRole('region', { name: 'Latency p50, p95, p99' }).getByText('◆');
  for (let y = b.height - 4; y > 0 && (await tip.count()) === 0; y -= 6) await page.mouse.move(b.x + share(one) * b.width, b.y + y);
  assert.equal(await tip.count(), 1);
  const said = await tip.innerText();
  await page.mouse.down();
  await page.mouse.up();
  await page.waitForURL('**/traces/*');
  const id = new URL(page.url()).pathname.split('/').at(-1);
  assert.ok(exemplars.some((e) => e.labels.trace_id === id) && said.endsWith(id.slice(0, 8)), `${said}: ${id}`);
  await page.getByRole('treegrid', { name: 'Spans of the trace' }).waitFor();
  await done();
});

test('overview: what changed? by two metrics; the models, sorted', async () => {
  // The first half of the history is what the second is compared with.
  const { page, done } = await open(browser, link('/', { start: new Date((Date.parse(range.start) + Date.parse(range.end)) / 2).toISOString() }));
  const answered = (metric) => page.waitForResponse((r) => r.url().includes('/api/pitot/v1/explain?') && r.url().includes(`metric=${metric}`)).then((r) => r.json());
  const first = answered('error_rate');
  await page.getByRole('button', { name: 'What changed?' }).click();
  const dialog = page.getByRole('dialog', { name: 'What changed?' });
  await dialog.getByRole('group', { name: 'Explanation' }).getByText((await first).summary).waitFor();
  const second = answered('latency_p95');
  await dialog.getByRole('combobox', { name: 'Metric' }).or(dialog.getByRole('textbox', { name: 'Metric' })).click();
  await page.getByRole('option', { name: 'Latency p95' }).click();
  await dialog.getByRole('group', { name: 'Explanation' }).getByText((await second).summary).waitFor();
  assert.ok((await second).baseline.calls > 100);
  await has(page, { explain: 'latency_p95' });
  await shot(page, 'action-what-changed');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  assert.equal(param(page, 'explain'), null);

  const { groups } = await api('/costs', { ...range, start: param(page, 'start'), by: 'provider,model' });
  const models = page.getByRole('table', { name: 'Models' });
  // Panels are made as they come into sight.
  await page.mouse.move(700, 600);
  await until('the models are in sight', async () => {
    await page.mouse.wheel(0, 500);
    return models.isVisible();
  });
  await same('calls by model', async () => (await rowsOf(models)).slice(0, 5).map((r) => r.Calls), groups.map((g) => g.totals.calls).sort((x, y) => y - x).slice(0, 5).map(number));
  await models.getByRole('columnheader', { name: 'Cost' }).getByRole('button').click();
  const dearest = [...groups].sort((x, y) => y.totals.cost_usd - x.totals.cost_usd).slice(0, 5);
  await same('models by cost', async () => (await rowsOf(models)).slice(0, 5).map((r) => r.Model), dearest.map((g) => g.values.model));
  await done();
});

// ---------------------------------------------------------------- calls

test('calls: facets include, exclude and count; Back undoes, a reload keeps', async () => {
  const { page, done } = await explorer();
  await shows(page, {});
  const facet = page.getByRole('region', { name: 'Provider', exact: true });
  const { facets } = await api('/facets', { ...range, fields: 'provider' });
  const of = (v) => facets[0].values.find((x) => x.value === v).count;
  await facet.getByRole('button', { name: `openai: ${number(of('openai'))} calls` }).click();
  await has(page, { provider: 'openai' });
  await shows(page, { provider: 'openai' });
  assert.ok((await rowsOf(callTable(page))).every((r) => r.Provider === 'openai'));
  assert.equal(await counted({ provider: 'openai' }), of('openai'));
  await page.reload();
  await shows(page, { provider: 'openai' });
  // The other values are still there, as many as there are: one more can be chosen.
  await facet.getByRole('button', { name: `anthropic: ${number(of('anthropic'))} calls` }).click();
  await histogram(page, of('openai') + of('anthropic')).waitFor();
  await shot(page, 'action-calls-facets');
  await page.goBack();
  await shows(page, { provider: 'openai' });
  await page.goBack();
  await shows(page, {});
  assert.equal(param(page, 'provider'), null);

  await facet.getByRole('listitem').filter({ hasText: 'deepseek' }).hover();
  await facet.getByRole('button', { name: 'Exclude deepseek' }).click();
  await histogram(page, (await counted({})) - of('deepseek')).waitFor();
  await has(page, { where: 'provider!=deepseek' });
  await same('no row is of deepseek', async () => (await rowsOf(callTable(page))).filter((r) => r.Provider === 'deepseek').length, 0);
  await page.getByRole('group', { name: 'Active filters' }).getByRole('button', { name: 'Remove the filter Provider deepseek' }).click();
  await shows(page, {});
  await done();
});

test('calls: a LogsQL filter with completion of fields and values; words; all cleared', async () => {
  const { page, done } = await explorer();
  const field = page.getByRole('textbox', { name: 'LogsQL filter' }).or(page.getByRole('combobox', { name: 'LogsQL filter' }));
  await field.click();
  await field.pressSequentially('usage.outp');
  await page.getByRole('option', { name: 'usage.output_tokens', exact: true }).waitFor();
  await field.press('Tab');
  await same('the completed field', () => field.inputValue(), 'usage.output_tokens:');
  await field.pressSequentially('>500 service:');
  await page.getByRole('option', { name: 'support-chat', exact: true }).waitFor();
  await shot(page, 'action-calls-completion');
  await page.getByRole('option', { name: 'support-chat', exact: true }).click();
  const query = 'usage.output_tokens:>500 service:="support-chat"';
  await same('the completed value', async () => (await field.inputValue()).trim(), query);
  await field.press('Escape');
  await field.press('Enter');
  await has(page, { query });
  assert.ok((await counted({ query })) > 0);
  await shows(page, { query });

  await page.getByRole('textbox', { name: 'Search in prompts, answers and errors' }).fill('refund');
  await page.keyboard.press('Enter');
  await has(page, { search: 'refund' });
  await shows(page, { query, search: 'refund' });
  await page.getByRole('button', { name: 'Remove the filter LogsQL' }).click();
  await shows(page, { search: 'refund' });
  await page.goBack();
  await shows(page, { query, search: 'refund' });
  await page.getByRole('button', { name: 'Clear all' }).click();
  await shows(page, {});
  assert.equal(param(page, 'search') ?? param(page, 'query'), null);
  await done();
});

test('calls: the server orders, one chooses columns; both are in the address', async () => {
  const { page, done } = await explorer();
  await shows(page, {});
  const header = (name) => callTable(page).getByRole('columnheader', { name, exact: true });
  await header('Cost').getByRole('button').click();
  await has(page, { order: 'costliest' });
  await shows(page, {}, { order: 'costliest' });
  await same('the sorted column', () => header('Cost').getAttribute('aria-sort'), 'descending');
  // Whoever has scrolled down sees another order from its beginning.
  await callTable(page).getByRole('row').nth(2).focus();
  await page.keyboard.press('End');
  await until('further down', async () => (await rowsOf(callTable(page)))[0].index > 100);
  await page.getByRole('combobox', { name: 'Order' }).selectOption('Slowest first');
  await shows(page, {}, { order: 'slowest' });
  await header('Time').getByRole('button').click();
  await shows(page, {}, { order: 'newest' });
  await header('Time').getByRole('button').click();
  await shows(page, {}, { order: 'oldest' });
  await same('the sorted column', () => header('Time').getAttribute('aria-sort'), 'ascending');
  await page.goBack();
  await page.goBack();
  await shows(page, {}, { order: 'slowest' });

  await page.getByRole('button', { name: 'Choose columns' }).click();
  await page.getByRole('checkbox', { name: 'Session', exact: true }).check();
  await page.getByRole('checkbox', { name: 'Provider', exact: true }).uncheck();
  await header('Session').waitFor();
  assert.equal(await header('Provider').count(), 0);
  await page.keyboard.press('Escape');
  await page.reload();
  await header('Session').waitFor();
  const slowest = await listed({ order: 'slowest' });
  await same('their sessions', async () => (await rowsOf(callTable(page))).slice(0, 12).map((r) => r.Session), slowest.map((c) => c.session ?? '–'));
  // The browser has them for the next time.
  await page.goto(base + link('/calls'));
  await header('Session').waitFor();
  await page.getByRole('button', { name: 'Choose columns' }).click();
  await page.getByRole('button', { name: 'Default columns' }).click();
  await header('Session').waitFor({ state: 'detached' });
  await done();
});

test('calls: endless scrolling has every call once, in order', async () => {
  const { page, done } = await explorer();
  await shows(page, {});
  const want = (await listed({}, 700)).map((c) => c.id);
  const seen = await callTable(page).evaluate(async (el, n) => {
    const column = [...el.querySelectorAll('[role="columnheader"]')].findIndex((h) => h.textContent === 'Call ID');
    const ids = [];
    let most = 0;
    const end = Date.now() + 60_000;
    while (ids.filter((x) => x !== undefined).length < n && Date.now() < end) {
      const rows = [...el.querySelectorAll('[role="row"][data-index]')];
      most = Math.max(most, rows.length);
      for (const r of rows) {
        const id = r.children[column].textContent;
        const at = Number(r.dataset.index);
        if (ids[at] !== undefined && ids[at] !== id) throw new Error(`row ${at} was ${ids[at]} and is ${id}`);
        ids[at] = id;
      }
      // Goes on from the first row that was not in the page yet.
      const next = [...ids, undefined].findIndex((x) => x === undefined);
      el.scrollTop = next * rows[0].offsetHeight - el.clientHeight / 2;
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    return { ids: ids.slice(0, n), most };
  }, want.length);
  assert.deepEqual(seen.ids, want);
  assert.ok(seen.most < 150, `${seen.most} rows in the page`);
  await done();
});

test('calls: a row opens the call; j, the arrows, Escape, Back', async () => {
  const { page, done } = await explorer();
  await shows(page, {});
  const calls = await listed({});
  const panel = page.getByRole('complementary', { name: 'Call', exact: true });
  const is = async (c) => {
    await has(page, { call: c.id });
    await panel.getByRole('heading', { name: c.request_model, exact: true }).waitFor();
    await same('the selected row', () => callTable(page).locator('[aria-selected="true"]').getAttribute('data-index'), String(calls.indexOf(c)));
  };
  await callTable(page).getByRole('row').filter({ hasText: calls[3].id }).click();
  await is(calls[3]);
  const whole = await api(`/calls/${calls[3].id}`);
  const words = (whole.input ?? []).flatMap((m) => m.parts).find((p) => p.type === 'text')?.content.split('\n')[0];
  if (words !== undefined) await panel.getByText(words.slice(0, 20)).first().waitFor();
  await page.keyboard.press('j');
  await is(calls[4]);
  await page.keyboard.press('ArrowUp');
  await is(calls[3]);
  await panel.getByRole('button', { name: 'Next call' }).click();
  await is(calls[4]);
  await page.reload();
  await is(calls[4]);
  await page.keyboard.press('Escape');
  await panel.waitFor({ state: 'detached' });
  assert.equal(param(page, 'call'), null);
  await callTable(page).getByRole('row').filter({ hasText: calls[1].id }).click();
  await is(calls[1]);
  await page.keyboard.press('j');
  await is(calls[2]);
  // Back leaves the call, not the list.
  await page.goBack();
  await panel.waitFor({ state: 'detached' });
  assert.equal(new URL(page.url()).pathname, '/calls');
  await done();
});

test('calls: live tail shows calls as they end, and stands still while it is paused', async () => {
  const { page, done } = await open(browser, '/calls?columns=time,id,provider,model,duration&provider=openai');
  await page.getByRole('switch', { name: 'Live tail' }).press(' ');
  await has(page, { live: '1' });
  const table = page.getByRole('table', { name: 'Live tail' });
  const ids = async () => (await rowsOf(table)).map((r) => r['Call ID']);
  await until('calls come in', async () => (await ids()).length >= 3, 60_000);
  await shot(page, 'action-live-tail');
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByText(/^Paused; [1-9]\d* new$/).waitFor({ timeout: 60_000 });
  const before = await rowsOf(table);
  assert.deepEqual([...new Set(before.map((r) => r.Provider))], ['openai']);
  const one = before.at(-1)['Call ID'];
  const stored = await until('the call is stored', () => api(`/calls/${one}`));
  assert.equal(stored.provider, 'openai');
  await page.getByText(/^Paused; ([3-9]|[1-9]\d+) new$/).waitFor({ timeout: 60_000 });
  assert.deepEqual(await ids(), before.map((r) => r['Call ID']));
  await page.getByRole('button', { name: 'Go on' }).click();
  await until('those that waited are shown', async () => (await ids()).indexOf(before[0]['Call ID']) >= 3);
  await page.getByRole('switch', { name: 'Live tail' }).press(' ');
  await callTable(page).waitFor();
  assert.equal(param(page, 'live'), null);
  await done();
});

test('calls: files of what is filtered', async () => {
  const { page, done } = await explorer({ status: 'error' });
  await shows(page, { status: 'error' });
  const calls = await listed({ status: 'error' }, 1000);
  const file = (format) => saved(page, async () => {
    await page.getByRole('button', { name: 'Export' }).click();
    await page.getByRole('menuitem', { name: `Download as ${format}`, exact: true }).click();
  });
  const plain = await file('CSV');
  assert.match(plain.name, /\.csv$/);
  const [titles, ...records] = csv(plain.bytes.toString('utf8'));
  for (const name of ['id', 'time', 'provider', 'status', 'duration_seconds', 'cost_usd']) assert.ok(titles.includes(name), titles.join());
  assert.ok(records.every((r) => r.length === titles.length));
  assert.deepEqual(records.map((r) => r[titles.indexOf('id')]), calls.map((c) => c.id));
  const excel = await file('CSV for Excel');
  assert.deepEqual([...excel.bytes.subarray(0, 3)], [0xef, 0xbb, 0xbf]);
  const lines = await file('JSON lines');
  assert.deepEqual(lines.bytes.toString('utf8').trimEnd().split('\n').map((l) => JSON.parse(l).id), calls.map((c) => c.id));
  const parquet = await file('Parquet');
  assert.match(parquet.name, /\.parquet$/);
  assert.equal(parquet.bytes.subarray(0, 4).toString(), 'PAR1');
  assert.equal(parquet.bytes.subarray(-4).toString(), 'PAR1');
  await done();
});

test('calls: a region of the scatter plot, and what is different there', async () => {
  const { page, done } = await explorer();
  const sample = await api('/calls/sample', { ...range, limit: '10000' });
  await page.getByRole('radiogroup', { name: 'View' }).getByText('Scatter').click();
  await has(page, { view: 'scatter' });
  const plot = page.getByRole('img', { name: `Duration of ${number(sample.count)} calls over time` });
  await plot.waitFor();
  await drag(page, plot, [0.3, 0.1], [0.9, 0.35]);
  await page.waitForURL((u) => u.searchParams.has('region'));
  const inside = () => {
    const [from, to, low, high] = param(page, 'region').split(',').map(Number);
    return sample.columns.time_ms.filter((t, i) => t >= from && t <= to && sample.columns.duration_seconds[i] >= low && sample.columns.duration_seconds[i] <= high).length;
  };
  assert.ok(inside() > 0);
  await page.getByText(`${number(inside())} of ${number(sample.count)} points selected`).waitFor();
  const answer = page.waitForResponse((r) => r.url().includes('/api/pitot/v1/explain?') && r.url().includes('time_zone=Asia%2FShanghai')).then((r) => r.json());
  await page.getByRole('button', { name: 'What is different here?' }).click();
  const explanation = page.getByRole('group', { name: 'Explanation' });
  const { summary, causes, window } = await answer;
  await explanation.getByText(summary).waitFor();
  assert.equal(Math.round(window.calls), inside());
  await shot(page, 'action-scatter-explained');
  await page.reload();
  await explanation.getByText(summary).waitFor();
  await explanation.getByRole('link', { name: 'Show these calls' }).first().click();
  const cause = Object.fromEntries(new URLSearchParams(causes[0].filter.query));
  await has(page, cause);
  const those = await counted(cause);
  assert.ok(those > 0);
  await histogram(page, those).waitFor();
  await page.goBack();

  // The same by keyboard: the bounds as numbers.
  await page.getByRole('button', { name: 'Select by numbers' }).click();
  const form = page.getByRole('form', { name: 'Select by numbers' });
  await form.getByRole('textbox', { name: 'Least Duration (s)' }).fill('5');
  await form.getByRole('textbox', { name: 'Greatest Duration (s)' }).fill('200');
  await form.getByRole('button', { name: 'Select', exact: true }).click();
  await page.waitForURL((u) => u.searchParams.get('region')?.endsWith(',5,200'));
  await page.getByText(`${number(inside())} of ${number(sample.count)} points selected`).waitFor();
  const n = inside();
  await page.getByRole('button', { name: 'List them' }).click();
  await page.waitForURL((u) => !u.searchParams.has('view') && u.searchParams.has('query'));
  await histogram(page, n).waitFor();
  await done();
});

test('calls: loading is said, then the content comes', async () => {
  const { page, done } = await open(browser, link('/status/ledger'));
  for (const [name, url, content] of [
    ['Calls', '**/api/pitot/v1/calls?**', () => callTable(page).getByRole('row').nth(5)],
    ['Traces', '**/api/pitot/v1/traces?**', () => page.getByRole('table', { name: 'Traces' }).getByRole('row').nth(5)],
    ['Sessions', '**/api/pitot/v1/sessions?**', () => page.getByRole('table', { name: 'Sessions' }).getByRole('row').nth(5)],
    ['Dashboards', '**/api/pitot/v1/dashboards', () => page.getByRole('region', { name: 'All dashboards' }).getByRole('link').first()],
    ['Overview', '**/api/pitot/v1/timeline?**', () => page.getByRole('img', { name: 'Requests by status' })],
  ]) {
    const { asked, release } = await hold(page, url);
    await page.getByRole('link', { name, exact: true }).first().click();
    await asked;
    const main = page.getByRole('main');
    await main.getByRole('status', { name: 'Loading' }).first().waitFor();
    assert.equal(await content().count(), 0, name);
    if (name === 'Calls') await shot(page, 'loading-calls');
    await release();
    await content().waitFor();
    await same(`${name}: nothing is loading any more`, () => main.getByRole('status', { name: 'Loading', exact: true }).count(), 0);
  }
  await done();
});

test('calls: millions of them: few rows are in the page, and keys move in it', async () => {
  const size = 12_000;
  const made = (i) => ({
    id: String(i).padStart(26, '0'), time: new Date(Date.parse(range.end) - i * 100).toISOString(), source: 'gateway', service: `service-${i % 40}`, provider: 'openai', operation: 'chat', request_model: `model-${i % 25}`, status: i % 50 === 0 ? 'error' : 'ok', ...(i % 50 === 0 ? { error_type: 'server_error' } : {}),
    usage: { source: 'reported', input_tokens: i, output_tokens: 10 }, cost: { state: 'computed', usd: 0.001 }, user: `u-${i}`, duration_seconds: 1 + (i % 70) / 10,
  });
  const { page, done } = await open(browser, link('/status/ledger'));
  await page.route('**/api/pitot/v1/calls?**', (r) => {
    const q = new URL(r.request().url()).searchParams;
    const from = Number(q.get('cursor') ?? 0);
    const to = Math.min(size, from + Number(q.get('limit')));
    return r.fulfill({ json: { calls: Array.from({ length: to - from }, (_, i) => made(from + i)), ...(to < size ? { next_cursor: String(to) } : {}) } });
  });
  await page.route('**/api/pitot/v1/timeline?**', (r) => {
    const times = Array.from({ length: 90 }, (_, i) => new Date(Date.parse(range.start) + i * 20_000).toISOString());
    const each = (n) => times.map(() => n);
    return r.fulfill({ json: { step_seconds: 20, times, series: [{ value: '', calls: each(40_000), errors: each(800), cost_usd: each(40), input_tokens: each(1e6), output_tokens: each(1e5) }] } });
  });
  await page.getByRole('link', { name: 'Calls', exact: true }).click();
  await histogram(page, 3_600_000).waitFor();
  const table = callTable(page);
  const inPage = () => table.locator('[role="row"][data-index]').count();
  await table.getByRole('row').nth(3).focus();
  const full = page.getByText('The table holds 5,000 calls at a time.');
  await until('the table is full', async () => {
    await page.keyboard.press('End');
    assert.ok((await inPage()) < 120);
    return (await full.count()) === 1;
  }, 120_000);
  await page.keyboard.press('End');
  await same('its last row has the focus', () => page.evaluate(() => document.activeElement?.getAttribute('data-index')), '4999');
  await shot(page, 'huge-calls');
  await page.getByRole('button', { name: 'Show the next 5,000' }).click();
  await same('the next ones follow', async () => (await rowsOf(table))[0]?.User, 'u-5000');
  assert.ok((await inPage()) < 120);
  await page.getByRole('button', { name: 'Back to the beginning' }).click();
  await same('the first ones again', async () => (await rowsOf(table))[0]?.User, 'u-0');
  await done();
});

// ---------------------------------------------------------------- one call, two calls

/** A streamed answer in text whose replay at 16 times takes a moment. */
async function streamed() {
  for (const c of await listed({ order: 'most_tokens', service: 'support-chat', status: 'ok', query: 'chunks:>20' }, 40)) {
    const whole = await api(`/calls/${c.id}`);
    const text = (whole.output ?? []).flatMap((m) => m.parts).filter((p) => p.type === 'text').map((p) => p.content).join('');
    if (c.duration_seconds > 2 && c.trace_id !== undefined && text.length > 60 && whole.output.every((m) => m.parts.every((p) => p.type === 'text'))) return { ...whole, text };
  }
  throw new Error('no streamed call');
}

test('a call: its timeline is replayed, zoomed and read by keyboard', async () => {
  const call = await streamed();
  const { page, done } = await explorer({ call: call.id });
  const panel = page.getByRole('complementary', { name: 'Call', exact: true });
  await panel.getByRole('tab', { name: 'Timing' }).click();
  await has(page, { tab: 'timing' });
  const chart = panel.getByRole('img', { name: `Token timeline of ${call.response_model}: ${call.chunks} chunks` });
  await chart.waitFor();
  const text = panel.getByRole('group', { name: 'The answer as it came' });
  await same('the whole answer', () => text.innerText(), call.text);
  const slider = panel.getByRole('slider', { name: 'Position in the replay' });
  await slider.press('Home');
  await text.getByText('No content yet').waitFor();
  await slider.fill(String(call.duration_seconds * 0.8));
  await until('a part of the answer', async () => {
    const some = (await text.innerText()).trim();
    return some.length > 5 && some.length < call.text.length && call.text.startsWith(some);
  });
  await shot(page, 'action-replay');
  await slider.press('Home');
  await panel.getByRole('radiogroup', { name: 'Speed of the replay' }).getByText('1×', { exact: true }).click();
  await panel.getByRole('button', { name: 'Play', exact: true }).click();
  await panel.getByRole('button', { name: 'Pause', exact: true }).click();
  await panel.getByRole('button', { name: 'Play', exact: true }).waitFor();
  await panel.getByRole('radiogroup', { name: 'Speed of the replay' }).getByText('16×').click();
  await panel.getByRole('button', { name: 'Play', exact: true }).click();
  await same('it was played to the end', () => text.innerText(), call.text);
  await panel.getByRole('button', { name: 'Play', exact: true }).waitFor();

  const out = panel.getByRole('button', { name: 'Zoom out' });
  assert.equal(await out.isDisabled(), true);
  await drag(page, chart, [0.3, 0.4], [0.6, 0.4]);
  await same('it is zoomed in', () => out.isEnabled(), true);
  await chart.press('0');
  await same('all is shown again', () => out.isDisabled(), true);
  await chart.press('Home');
  await text.getByText('No content yet').waitFor();
  await done();
});

test('a call: what it cost, part by part; feedback is given and stored', async () => {
  const call = await streamed();
  const { page, done } = await explorer({ call: call.id });
  const panel = page.getByRole('complementary', { name: 'Call', exact: true });
  await panel.getByRole('tab', { name: 'Usage and cost' }).click();
  const { explanation } = await api('/prices/explain', { call_id: call.id });
  const parts = panel.getByRole('group', { name: 'Cost' }).getByRole('row');
  await same('a row a component, a title and a total', () => parts.count(), explanation.components.length + 2);
  await panel.getByText(`Price rule: ${call.cost.rule}`).waitFor();
  await panel.getByText(`Output tokens: ${number(call.usage.output_tokens)}`).waitFor();
  await same('the parts are the quantities of the API', async () => Promise.all((await parts.all()).slice(1, -1).map((r) => r.getByRole('cell').nth(1).innerText())), explanation.components.map((c) => number(c.quantity)));
  await shot(page, 'action-call-cost');

  const said = `Too long for a chat (${Date.now()})`;
  await panel.getByRole('tab', { name: /Feedback/ }).click();
  await has(page, { tab: 'feedback' });
  await panel.getByRole('button', { name: 'Bad' }).click();
  await panel.getByRole('textbox', { name: 'Comment' }).fill(said);
  await panel.getByRole('button', { name: 'Send feedback' }).click();
  await panel.getByRole('region', { name: 'Feedback so far' }).getByText(said).waitFor();
  const stored = await until('the feedback is stored', async () => (await api(`/calls/${call.id}`)).feedback?.find((f) => f.comment === said));
  assert.equal(stored.label, 'thumbs_down');
  assert.equal(stored.score, 0);
  await shot(page, 'action-feedback');
  await page.reload();
  await panel.getByRole('region', { name: 'Feedback so far' }).getByText(said).waitFor();
  assert.equal(await panel.getByRole('region', { name: 'Feedback so far' }).getByText(said).count(), 1);
  await done();
});

test('two calls: chosen in the list, swapped, only what differs, another one by its ID', async () => {
  const filter = { service: 'support-chat', status: 'ok' };
  const { page, done } = await explorer({ ...filter, order: 'most_tokens' });
  await shows(page, filter, { order: 'most_tokens' });
  const calls = await listed({ ...filter, order: 'most_tokens' });
  const [a, b, c] = [calls[0], calls[1], calls[2]];
  for (const x of [a, b]) await page.getByRole('checkbox', { name: `Choose call ${x.id} to compare` }).check();
  await page.getByRole('button', { name: 'Compare the two calls' }).click();
  await page.waitForURL((u) => u.pathname === '/calls/compare' && u.searchParams.get('a') === a.id && u.searchParams.get('b') === b.id);
  const table = page.getByRole('table', { name: 'Differences' });
  const output = () => table.getByRole('row').filter({ has: page.getByRole('cell', { name: 'Output tokens', exact: true }) }).getByRole('cell').allInnerTexts();
  await same('output tokens of both', async () => (await output()).slice(1, 3), [a, b].map((x) => number(x.usage.output_tokens)));
  await page.getByRole('button', { name: 'Swap A and B' }).click();
  await has(page, { a: b.id, b: a.id });
  await same('swapped', async () => (await output()).slice(1, 3), [b, a].map((x) => number(x.usage.output_tokens)));
  const changes = () => table.getByRole('row').evaluateAll((rows) => rows.slice(1).map((r) => r.lastElementChild.textContent));
  const all = await changes();
  await page.getByRole('checkbox', { name: 'Only differences' }).check();
  await same('no row is the same on both sides', changes, all.filter((x) => x !== '='));
  await has(page, { only: 'different' });
  await shot(page, 'action-compare-calls');
  await page.getByRole('textbox', { name: 'Call A' }).fill(c.id);
  await page.keyboard.press('Enter');
  await has(page, { a: c.id });
  await same('the other one', async () => (await output()).slice(1, 3), [c, a].map((x) => number(x.usage.output_tokens)));
  await page.goBack();
  await has(page, { a: b.id, b: a.id });
  await page.getByRole('tab', { name: 'Prompts' }).click();
  await page.getByRole('table', { name: 'Prompts' }).waitFor();
  await done();
});

// ---------------------------------------------------------------- traces

const traceTable = (page) => page.getByRole('table', { name: 'Traces', exact: true });
const traceIds = (page) => traceTable(page).evaluate((el) => [...el.querySelectorAll('[role="row"][data-index]')].sort((a, b) => a.dataset.index - b.dataset.index).slice(0, 8).map((r) => new URL(r.querySelector('a').href).pathname.split('/').at(-1)));
const tracesOf = async (filter) => (await api('/traces', { ...range, ...filter, limit: '8' })).traces.map((t) => t.trace_id);

test('traces: words, kind, order, a filter; Back undoes, a reload keeps', async () => {
  const { page, done } = await open(browser, link('/traces'));
  const shown = async (filter) => same(`traces of ${JSON.stringify(filter)}`, () => traceIds(page), await tracesOf(filter));
  await shown({});
  await page.getByRole('radiogroup', { name: 'Order' }).getByText('Slowest').click();
  await has(page, { order: 'slowest' });
  await shown({ order: 'slowest' });
  await page.getByRole('combobox', { name: 'Kind' }).selectOption('tool');
  await shown({ order: 'slowest', kind: 'tool' });
  await page.goBack();
  await shown({ order: 'slowest' });
  await page.getByRole('textbox', { name: 'Words in prompts, answers or errors' }).fill('refund');
  await page.keyboard.press('Enter');
  await has(page, { search: 'refund' });
  await shown({ order: 'slowest', search: 'refund' });
  await page.getByRole('textbox', { name: 'Min. duration' }).fill('3s');
  await has(page, { min_duration: '3s' });
  await shown({ order: 'slowest', search: 'refund', min_duration: '3s' });
  await page.reload();
  await shown({ order: 'slowest', search: 'refund', min_duration: '3s' });
  await page.getByRole('textbox', { name: 'Words in prompts, answers or errors' }).fill('');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Filter', exact: true }).click();
  await page.getByRole('button', { name: /^research-agent/ }).click();
  await has(page, { service: 'research-agent' });
  await shown({ order: 'slowest', min_duration: '3s', service: 'research-agent' });
  await shot(page, 'action-traces');
  await page.getByRole('button', { name: 'Remove filter Service: research-agent' }).click();
  await shown({ order: 'slowest', min_duration: '3s' });

  // Whoever has scrolled down sees another range at once, from its beginning.
  await traceTable(page).getByRole('row').nth(2).focus();
  await page.keyboard.press('End');
  await until('further down', async () => (await rowsOf(traceTable(page)))[0].index > 100);
  await page.getByTestId('time-range').click();
  const half = new Date((Date.parse(range.start) + Date.parse(range.end)) / 2).toISOString();
  await page.getByRole('textbox', { name: 'End' }).fill(half);
  await page.getByRole('button', { name: 'Apply' }).click();
  await has(page, { end: half });
  await shown({ order: 'slowest', min_duration: '3s', end: half });
  await done();
});

test('traces: two of them side by side', async () => {
  const { page, done } = await open(browser, link('/traces', { service: 'research-agent', kind: 'agent' }));
  await same('the traces', () => traceIds(page), await tracesOf({ service: 'research-agent', kind: 'agent' }));
  const [a, b] = await traceIds(page);
  const compare = page.getByRole('button', { name: 'Compare', exact: true });
  assert.equal(await compare.isDisabled(), true);
  const boxes = page.getByRole('checkbox', { name: /^Select to compare: / });
  await boxes.nth(0).check();
  await page.getByText('1 of 2 selected').waitFor();
  await boxes.nth(1).check();
  await compare.click();
  await page.waitForURL((u) => u.pathname === '/traces/compare' && u.searchParams.get('a') === a && u.searchParams.get('b') === b);
  const [one, two] = [await api(`/traces/${a}`), await api(`/traces/${b}`)];
  const spans = () => page.getByRole('table', { name: 'Summary' }).getByRole('row').filter({ has: page.getByRole('cell', { name: 'Spans', exact: true }) }).getByRole('cell').allInnerTexts();
  await same('spans of both', async () => (await spans()).slice(1, 3), [one, two].map((x) => number(x.spans.length)));
  await page.getByRole('button', { name: 'Swap A and B' }).click();
  await has(page, { a: b, b: a });
  await same('swapped', async () => (await spans()).slice(1, 3), [two, one].map((x) => number(x.spans.length)));
  const tree = page.getByRole('table', { name: 'Merged tree' });
  const all = await tree.getAttribute('aria-rowcount');
  await page.getByRole('checkbox', { name: 'Only differences' }).check();
  await has(page, { only: 'different' });
  await until('fewer rows', async () => Number(await tree.getAttribute('aria-rowcount')) <= Number(all));
  await shot(page, 'action-compare-traces');
  await done();
});

/** A run of an agent with tools, calls, an error and logs. */
async function agentRun() {
  const { traces } = await api('/traces', { ...range, service: 'research-agent', kind: 'agent', limit: '200' });
  for (const t of traces.filter((x) => x.spans >= 7 && x.errors > 0)) {
    const q = `kind:log trace_id:="${t.trace_id}" | stats count() n`;
    const logs = JSON.parse(await (await fetch(`${base}/select/logsql/query?${new URLSearchParams({ query: q, ...range })}`)).text());
    if (Number(logs.n) > 0) return { ...(await api(`/traces/${t.trace_id}`)), logs: Number(logs.n) };
  }
  throw new Error('no trace of an agent with an error and logs');
}

test('a trace: keys in the tree, details, search, what is shown', async () => {
  const trace = await agentRun();
  const { page, done } = await open(browser, link(`/traces/${trace.trace_id}`));
  const grid = page.getByRole('treegrid', { name: 'Spans of the trace' });
  const rows = grid.locator('[role="row"][id^="span-"]');
  const active = async () => (await grid.getAttribute('aria-activedescendant'))?.replace('span-', '');
  await same('all spans', () => rows.count(), trace.spans.length);
  const root = trace.spans.find((s) => s.tree_parent === undefined);
  const child = trace.spans.filter((s) => s.tree_parent === root.span_id).sort((x, y) => x.offset_seconds - y.offset_seconds)[0];
  await grid.press('ArrowDown');
  await same('the first span', active, root.span_id);
  await grid.press('ArrowRight');
  await same('its first child', active, child.span_id);
  await grid.press('Enter');
  await has(page, { span: child.span_id });
  const details = page.getByRole('complementary', { name: 'Details' });
  await details.getByRole('heading', { name: child.name, exact: true }).waitFor();
  await shot(page, 'action-trace-details');
  // The details follow, to the parent, and away.
  await grid.press('Home');
  await details.getByRole('heading', { name: root.name, exact: true }).waitFor();
  await grid.press('Escape');
  await details.waitFor({ state: 'detached' });
  assert.equal(param(page, 'span'), null);
  await grid.press('ArrowLeft');
  await same('folded', () => rows.count(), 1);
  await grid.press('ArrowRight');
  await same('unfolded', () => rows.count(), trace.spans.length);
  await page.getByRole('button', { name: 'Collapse all' }).click();
  await same('only the first level', () => rows.count(), 1 + trace.spans.filter((s) => s.tree_parent === root.span_id).length);
  await page.getByRole('button', { name: 'Expand all' }).click();

  const tools = trace.spans.filter((s) => s.kind === 'tool');
  await page.getByRole('textbox', { name: 'Find in this trace' }).fill('execute_tool');
  const status = page.getByRole('status').filter({ hasText: / of \d/ });
  await same('matches', async () => (await status.innerText()).split(' of ')[1], String(trace.spans.filter((s) => JSON.stringify(s).toLowerCase().includes('execute_tool')).length));
  await same('the first match', active, tools.sort((x, y) => x.offset_seconds - y.offset_seconds)[0].span_id);
  await page.keyboard.press('Enter');
  await status.getByText(/^2 of|^1 of 1$/).waitFor();
  await page.keyboard.press('Escape');
  assert.equal(param(page, 'find'), null);

  const critical = page.getByRole('checkbox', { name: 'Critical path' });
  assert.equal(await critical.isChecked(), true);
  const marked = () => grid.locator('[class*="critical"]').count();
  assert.ok((await marked()) > 0);
  await critical.uncheck();
  await same('nothing is marked', marked, 0);
  await has(page, { critical: 'hidden' });
  const everything = () => grid.locator('[role="row"]').count();
  await same('spans and logs', everything, trace.spans.length + trace.logs);
  await page.getByRole('checkbox', { name: `Logs (${trace.logs})` }).uncheck();
  await same('spans alone', everything, trace.spans.length);
  await page.getByRole('checkbox', { name: 'Without plain spans' }).check();
  await same('no plain spans', everything, trace.spans.filter((s) => s.kind !== 'other').length);
  await page.reload();
  await same('kept', everything, trace.spans.filter((s) => s.kind !== 'other').length);
  assert.equal(await critical.isChecked(), false);

  await grid.press('+');
  await page.waitForURL((u) => u.searchParams.has('zoom'));
  await page.getByRole('button', { name: 'Show the whole time' }).click();
  await page.waitForURL((u) => !u.searchParams.has('zoom'));
  await done();
});

test('a trace: as a graph, by operation, as JSON to keep', async () => {
  const trace = await agentRun();
  const { page, done } = await open(browser, link(`/traces/${trace.trace_id}`));
  await page.getByRole('tab', { name: 'Graph' }).click();
  const graph = page.getByRole('group', { name: /^Graph of the run: \d+ nodes/ });
  const agent = trace.spans.find((s) => s.kind === 'agent');
  await graph.getByRole('button', { name: new RegExp(`^agent .*${agent.span.agent ?? ''}.*: \\d+ times`) }).first().click();
  const details = page.getByRole('complementary', { name: 'Details' });
  await details.getByText('agent ·').waitFor();
  await shot(page, 'action-trace-graph');
  await details.getByRole('button', { name: 'Close the details' }).click();

  await page.getByRole('tab', { name: 'Operations' }).click();
  const operations = page.getByRole('table', { name: 'Operations' });
  await same('the counts add up', async () => (await rowsOf(operations)).reduce((n, r) => n + Number(r.Count), 0), trace.spans.length);
  const first = (await rowsOf(operations))[0].Operation;
  await operations.getByRole('row').nth(1).click();
  await has(page, { find: first, tab: null });
  await same('what is found', () => page.getByRole('textbox', { name: 'Find in this trace' }).inputValue(), first);
  await page.goBack();
  await operations.waitFor();

  await page.getByRole('tab', { name: 'JSON' }).click();
  const file = await saved(page, () => page.getByRole('link', { name: 'Download' }).click());
  assert.equal(file.name, `trace-${trace.trace_id}.json`);
  const kept = JSON.parse(file.bytes.toString('utf8'));
  assert.deepEqual(kept.spans.map((s) => s.span_id), trace.spans.map((s) => s.span_id));
  await done();
});

test('a trace of 20,000 spans: few rows are in the page, keys and search work', async () => {
  const size = 20_000;
  const id = 'f'.repeat(31) + '1';
  const hex = (i) => (i + 1).toString(16).padStart(16, '0');
  const spans = Array.from({ length: size }, (_, i) => {
    // Agents under the root, tools below them.
    const agent = i > 0 && i % 100 === 1;
    const parent = i === 0 ? undefined : hex(agent ? 0 : i - ((i - 1) % 100));
    const start = new Date(Date.parse(range.start) + i * 10).toISOString();
    const kind = i === 0 ? 'workflow' : agent ? 'agent' : 'tool';
    const name = i === 0 ? 'huge run' : agent ? `invoke_agent a${i}` : i === 12_345 ? 'execute_tool needle' : `execute_tool t${i % 9}`;
    const common = { trace_id: id, span_id: hex(i), status: 'ok', duration_seconds: i === 0 ? size / 100 : agent ? 1 : 0.005 };
    return { ...common, name, kind, service: 'huge', start, offset_seconds: i / 100, ...(parent === undefined ? {} : { parent_span_id: parent, tree_parent: parent }), span: { ...common, id: `s${i}`, time: start, source: 'otlp', name, span_kind: kind } };
  });
  const { page, done } = await open(browser, link('/status/ledger'));
  await page.route(`**/api/pitot/v1/traces/${id}`, (r) => r.fulfill({ json: { trace_id: id, start: range.start, duration_seconds: size / 100, spans, calls: 0, errors: 0, input_tokens: 0, output_tokens: 0, cost_usd: 0 } }));
  await page.goto(base + link(`/traces/${id}`));
  await page.getByText('20,000 spans').first().waitFor();
  const grid = page.getByRole('treegrid', { name: 'Spans of the trace' });
  const rows = () => grid.locator('[role="row"]').count();
  assert.equal(await grid.getAttribute('aria-rowcount'), String(size));
  assert.ok((await rows()) > 10 && (await rows()) < 120);
  await grid.press('End');
  await same('the last span', () => grid.getAttribute('aria-activedescendant'), `span-${hex(size - 1)}`);
  await grid.locator(`[id="span-${hex(size - 1)}"]`).waitFor();
  await page.getByRole('textbox', { name: 'Find in this trace' }).fill('needle');
  await page.getByText('1 of 1', { exact: true }).waitFor();
  await grid.locator(`[id="span-${hex(12_345)}"]`).waitFor();
  await shot(page, 'huge-trace');
  await page.getByRole('button', { name: 'Collapse all' }).click();
  await same('agents alone', () => grid.getAttribute('aria-rowcount'), String(1 + spans.filter((s) => s.kind === 'agent').length));
  assert.ok((await rows()) < 120);
  await done();
});

// ---------------------------------------------------------------- sessions, dashboards

test('sessions: by the number of calls; one as a conversation', async () => {
  const { page, done } = await open(browser, link('/sessions'));
  const names = async () => (await rowsOf(page.getByRole('table', { name: 'Sessions' }))).slice(0, 8).map((r) => r.Session);
  const of = async (filter) => (await api('/sessions', { ...range, ...filter, limit: '8' })).sessions;
  await same('the newest sessions', names, (await of({})).map((s) => s.session));
  await page.getByRole('radiogroup', { name: 'Order' }).getByText('Most calls').click();
  await has(page, { order: 'most_calls' });
  await same('the longest ones', names, (await of({ order: 'most_calls' })).map((s) => s.session));
  await page.goBack();
  await same('the newest again', names, (await of({})).map((s) => s.session));
  await page.goto(base + link('/sessions', { service: 'support-chat', order: 'most_calls' }));
  const chosen = (await of({ service: 'support-chat', order: 'most_calls' }))[2];
  await page.getByRole('link', { name: chosen.session, exact: true }).click();
  await page.getByRole('heading', { name: chosen.session }).waitFor();
  const { session, calls } = await api(`/sessions/${encodeURIComponent(chosen.session)}`, { limit: '50' });
  await page.getByRole('region', { name: 'Calls', exact: true }).getByText(number(session.calls), { exact: true }).waitFor();
  const turn = page.getByRole('article', { name: 'Turn 1', exact: true });
  const asked = calls[0].input.filter((m) => m.role === 'user').flatMap((m) => m.parts).find((p) => p.type === 'text').content;
  await turn.getByText(asked.split('\n')[0].slice(0, 20)).first().waitFor();
  await same('a turn a call', () => page.getByRole('article', { name: /^Turn \d+$/ }).count(), calls.length);
  await shot(page, 'action-session');
  await turn.getByRole('link', { name: 'Open the call' }).click();
  await page.waitForURL((u) => u.pathname === `/calls/${calls[0].id}`);
  await done();
});

test('dashboards: those of a role, one with a variable; Back undoes, a reload keeps', async () => {
  const { page, done } = await open(browser, link('/dashboards'));
  const { dashboards } = await api('/dashboards');
  const cards = async () => (await page.getByRole('main').getByRole('link').evaluateAll((list) => list.map((a) => new URL(a.href).pathname.split('/').at(-1)))).sort();
  await same('all cards', cards, dashboards.map((d) => d.id).sort());
  await page.getByRole('radiogroup', { name: 'For' }).getByText('Finance').click();
  await has(page, { role: 'finance' });
  const finance = dashboards.filter((d) => d.roles.includes('finance'));
  assert.ok(finance.length > 0 && finance.length < dashboards.length);
  await same('the cards of finance', cards, finance.map((d) => d.id).sort());
  await page.goBack();
  await same('all cards again', cards, dashboards.map((d) => d.id).sort());

  const overview = dashboards.find((d) => d.id === 'overview');
  await page.getByRole('link', { name: overview.title.en }).first().click();
  await page.waitForURL((u) => u.pathname === '/dashboards/overview' && u.searchParams.get('start') === range.start);
  await page.getByRole('heading', { name: overview.title.en, level: 1 }).waitFor();
  const asked = page.waitForRequest((r) => /query_range|query\b/.test(r.url()) && /model=~?\\?"gpt-4o-mini/.test(decodeURIComponent(r.url() + (r.postData() ?? '')).replaceAll('+', ' ')));
  await page.getByRole('button', { name: 'Model All' }).click();
  await page.getByRole('checkbox', { name: 'gpt-4o-mini', exact: true }).check();
  await has(page, { model: 'gpt-4o-mini' });
  await asked;
  await page.keyboard.press('Escape');
  await page.reload();
  await page.getByRole('button', { name: 'Model gpt-4o-mini' }).waitFor();
  await settled(page);
  await shot(page, 'action-dashboard');
  await page.goBack();
  await page.getByRole('button', { name: 'Model All' }).waitFor();
  await done();
});
