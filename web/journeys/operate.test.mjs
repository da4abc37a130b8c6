// What one does on the pages for those who pay and who are called at night:
// each action as a person does it, by role and name, and its result held against
// the API.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { address, answer, cells, copied, csv, downloaded, number, option, prom, reload, rowCount, run, seconds } from './act.mjs';
import { api, base, history, launch, open, same, shot, until } from './lib.mjs';

let browser;
let range;
before(async () => {
  browser = await launch();
  range = await history();
});
after(() => browser?.close());

/** A page over the made-up history, so that it shows what the API answers for the same. */
const at = (path, params = {}) => `${path}?${new URLSearchParams({ ...range, ...params })}`;

// Models

test('models: two side by side in detail, against a baseline, by another measure; the address keeps it', async () => {
  const { page, done } = await open(browser, at('/models'));
  for (const m of ['gpt-4o', 'gpt-4o-mini']) await page.getByRole('checkbox', { name: `Pick ${m} to compare in detail`, exact: true }).check();
  const detail = page.getByRole('table', { name: 'Compared in detail' });
  const column = (m) => detail.getByRole('columnheader').filter({ has: page.getByRole('link', { name: m, exact: true }) });
  const compared = answer(page, '/compare?', 'baseline=gpt-4o&');
  await column('gpt-4o').getByRole('button', { name: 'Compare with this' }).click();
  const { baseline, groups } = await compared;
  assert.deepEqual(baseline, { model: 'gpt-4o' });
  await column('gpt-4o').getByText('baseline', { exact: true }).waitFor();
  // What the server found of the other one is what the column says of it.
  const other = groups.find((g) => g.values.model === 'gpt-4o-mini');
  assert.equal(other.calls, (await api('/summary', { ...range, model: 'gpt-4o-mini' })).totals.calls);
  const names = await detail.getByRole('columnheader').allInnerTexts();
  const i = names.findIndex((n) => n.startsWith('gpt-4o-mini'));
  const said = { better: /better/, worse: /worse/, same: /no difference shown/, too_few: /too few/ };
  for (const [row, measure] of [['Latency p50', 'latency_p50'], ['Error rate', 'error_rate'], ['Cost per call', 'cost_per_call']]) {
    const text = await detail.getByRole('row').filter({ has: page.getByRole('rowheader', { name: row, exact: true }) }).getByRole('cell').nth(i - 1).innerText();
    assert.match(text, said[other.versus.find((v) => v.measure === measure).verdict], `${row}: ${text}`);
  }
  await page.getByRole('combobox', { name: 'Measure' }).click();
  await option(page, 'Error rate').click();
  await address(page, { measure: 'error_rate', baseline: 'gpt-4o' });
  await reload(page);
  assert.deepEqual(new URL(page.url()).searchParams.getAll('pick'), ['gpt-4o', 'gpt-4o-mini']);
  await page.getByRole('list', { name: 'Error rate' }).getByRole('img', { name: /^gpt-4o: Error rate .*baseline/ }).waitFor();
  assert.equal(await page.getByRole('combobox', { name: 'Compare with' }).inputValue(), 'gpt-4o');
  await shot(page, 'operate-models', { fullPage: true });
  await page.getByRole('button', { name: 'Remove gpt-4o', exact: true }).click();
  await detail.waitFor({ state: 'detached' });
  await done();
});

// Cost

test('cost: down from a model to its parts and back; each level has the amounts of the API', async () => {
  const { page, done } = await open(browser, at('/cost'));
  const totals = page.getByRole('region', { name: 'Total cost' });
  const whole = await totals.innerText();
  await page.getByRole('button', { name: /^gpt-4o: / }).click();
  await address(page, { drill: 'model=gpt-4o', by: 'service' });
  const { groups } = await api('/costs', { ...range, by: 'service', model: 'gpt-4o' });
  const table = page.getByRole('table', { name: 'By Service' });
  await same('the table of services', async () => Object.fromEntries((await cells(table)).map((r) => [r[0], number(r[3])])), Object.fromEntries(groups.map((g) => [g.values.service, g.totals.calls])));
  const usd = groups.reduce((n, g) => n + g.totals.cost_usd, 0);
  await until('the total', async () => Math.abs(number((await totals.innerText()).split('\n').find((l) => l.startsWith('$'))) - usd) < 0.006);
  await page.getByRole('navigation', { name: 'Drilled down to' }).getByText('Model: gpt-4o').waitFor();
  await shot(page, 'operate-cost-drilled', { fullPage: true });
  await reload(page);
  await page.getByRole('button', { name: 'Back to All calls' }).click();
  await address(page, { drill: null, by: 'model' });
  await page.getByRole('button', { name: /^claude-sonnet-4-20250514: / }).waitFor();
  await until('the total of all', async () => (await totals.innerText()) === whole);
  await page.goBack();
  await address(page, { drill: 'model=gpt-4o' });
  // The groups of a table are split by another dimension, and drawn as bars.
  await page.getByRole('combobox', { name: 'Split by' }).click();
  await option(page, 'Feature').click();
  await address(page, { by: 'feature' });
  await page.getByRole('radiogroup', { name: 'Drawing' }).getByText('Bars').click();
  await page.getByRole('region', { name: 'Shares by Feature' }).getByRole('list').waitFor();
  await done();
});

test('cost: what is exported is what the page shows, as CSV, Parquet and lines of JSON', async () => {
  const { page, done } = await open(browser, at('/cost', { service: 'support-chat' }));
  const exported = async (name) => {
    await page.getByRole('button', { name: 'Export' }).click();
    return downloaded(page, () => page.getByRole('menuitem', { name, exact: true }).click());
  };
  const { groups } = await api('/costs', { ...range, by: 'model', service: 'support-chat' });
  const table = await exported('This table: CSV');
  assert.match(table.name, /\.csv$/);
  const rows = csv(table.bytes.toString());
  assert.deepEqual(Object.fromEntries(rows.map((r) => [r.model, Number(r.calls)])), Object.fromEntries(groups.map((g) => [g.values.model, g.totals.calls])));
  assert.ok(rows.every((r) => Math.abs(Number(r.cost_usd) - groups.find((g) => g.values.model === r.model).totals.cost_usd) < 1e-9));
  for (const name of ['This table: Parquet', 'This table by time: Parquet', 'The calls themselves (no content): Parquet']) {
    const { name: file, bytes } = await exported(name);
    assert.match(file, /\.parquet$/);
    assert.deepEqual([bytes.subarray(0, 4).toString(), bytes.subarray(-4).toString()], ['PAR1', 'PAR1'], name);
  }
  const { totals } = await api('/summary', { ...range, service: 'support-chat' });
  const calls = csv((await exported('The calls themselves (no content): CSV')).bytes.toString());
  assert.equal(calls.length, totals.calls);
  assert.ok(calls.every((c) => c.service === 'support-chat' && c.id.length === 26));
  const lines = (await exported('The calls themselves (no content): JSON lines')).bytes.toString().trimEnd().split('\n').map((l) => JSON.parse(l));
  assert.equal(lines.length, totals.calls);
  await page.getByRole('button', { name: 'Export' }).click();
  await shot(page, 'operate-cost-export');
  await done();
});

test('cost: prices are found by model, and one is opened', async () => {
  const { page, done } = await open(browser, '/cost/prices');
  const table = page.getByRole('table', { name: 'Prices in force' });
  const used = await api('/prices', { scope: 'used', limit: '10000' });
  const named = (list, word) => list.filter((p) => [p.provider, p.model, ...(p.also ?? []), ...(p.used_by ?? []).map((u) => u.model)].some((s) => s.toLowerCase().includes(word)));
  await page.getByRole('textbox', { name: 'Search model or provider' }).fill('claude');
  await address(page, { find: 'claude' });
  await same('prices of claude', () => rowCount(table), named(used.prices, 'claude').length);
  await page.getByRole('radiogroup', { name: 'Which prices' }).getByText('All', { exact: true }).click();
  await address(page, { scope: 'all' });
  const all = await api('/prices', { scope: 'all', limit: '10000' });
  await same('all prices of claude', () => rowCount(table), named(all.prices, 'claude').length);
  await page.getByRole('textbox', { name: 'Search model or provider' }).fill('claude-sonnet-4-2025');
  const price = all.prices.find((p) => p.provider === 'anthropic' && named([p], 'claude-sonnet-4-2025').length > 0);
  await table.getByRole('row').filter({ hasText: 'anthropic' }).first().click();
  const drawer = page.getByRole('dialog', { name: new RegExp(`anthropic / ${price.model}`) });
  const input = drawer.getByRole('table', { name: 'per million tokens' }).getByRole('row').filter({ hasText: /^input\$/ });
  assert.equal(number((await input.innerText()).replace('input', '')), price.prices.input);
  await shot(page, 'operate-price');
  await reload(page);
  await drawer.waitFor();
  await page.keyboard.press('Escape');
  await address(page, { price: null });
  await page.getByRole('textbox', { name: 'Search model or provider' }).fill('no such model');
  await page.getByText('No price matches').waitFor();
  await done();
});

test('budgets: what is spent of each; an account leads to its calls', async () => {
  const { page, done } = await open(browser, '/cost/budgets');
  const { budgets } = await api('/budgets');
  assert.ok(budgets.length > 0);
  const shown = (b) => page.getByRole('region', { name: b.name, exact: true });
  for (const b of budgets) await shown(b).getByRole('progressbar').first().waitFor();
  const company = budgets.find((b) => b.name === 'company');
  const spent = (await shown(company).innerText()).match(/\$([\d.,]+) of \$([\d.,K]+)/);
  assert.equal(spent[2], '7,365.60');
  // It is spent on while one looks.
  assert.ok(Math.abs(number(spent[1]) / company.spent - 1) < 0.05, `${spent[0]}: ${company.spent}`);
  await shot(page, 'operate-budgets', { fullPage: true });
  const [user] = budgets.find((b) => b.each === 'user').top;
  await shown({ name: 'tokens-each-user' }).getByRole('link', { name: user.account, exact: true }).click();
  await page.waitForURL((u) => u.pathname === '/calls' && u.searchParams.get('user') === user.account);
  await done();
});

test('unpriced: the ways to price a model are copied as they are written', async () => {
  const { page, done } = await open(browser, at('/cost/unpriced'));
  const { models, calls } = await api('/prices/unpriced', range);
  await page.getByText(new RegExp(`^${calls.toLocaleString('en-US')} of `)).waitFor();
  const model = models.find((m) => m.model === 'llama3.2');
  const part = page.getByRole('region', { name: 'llama3.2', exact: true });
  await part.getByText(`${model.calls} calls`, { exact: true }).waitFor();
  const first = await copied(page, () => part.getByRole('button', { name: 'Copy YAML' }).click());
  assert.equal(first, model.suggestions[0].yaml);
  await part.getByRole('radiogroup', { name: 'Ways to price it' }).getByText('Own price').click();
  const own = await copied(page, () => part.getByRole('button', { name: 'Copy YAML' }).click());
  assert.equal(own, model.suggestions.find((s) => s.kind === 'override').yaml);
  await shot(page, 'operate-unpriced');
  await part.getByRole('link', { name: 'See such calls' }).click();
  await page.waitForURL((u) => u.pathname === '/calls' && u.searchParams.get('model') === 'llama3.2');
  await page.getByText(`${model.calls} calls`, { exact: true }).waitFor();
  await done();
});

// Quality

test('quality: a person judges a call; the judgement is stored with who and why', async () => {
  const comment = `journey ${run()}`;
  const { page, done } = await open(browser, at('/quality'));
  const row = page.getByRole('table', { name: 'Worst first' }).getByRole('row').filter({ has: page.getByRole('button', { name: 'Judge this call' }) }).first();
  await row.getByRole('button', { name: 'Judge this call' }).click();
  const dialog = page.getByRole('dialog', { name: 'Judge a call' });
  const id = await dialog.getByRole('textbox', { name: 'Call or answer' }).inputValue();
  assert.match(id, /^[0-9A-Z]{26}$/);
  await address(page, { judge: id });
  assert.ok(await dialog.getByRole('button', { name: 'Send' }).isDisabled(), 'nothing is said yet');
  await dialog.getByRole('radiogroup', { name: 'Judgement' }).locator('label').filter({ hasText: 'Bad' }).click();
  await dialog.getByRole('textbox', { name: 'Comment' }).fill(comment);
  await dialog.getByRole('textbox', { name: 'Who judges' }).fill('reviewer');
  await shot(page, 'operate-judge');
  await dialog.getByRole('button', { name: 'Send' }).click();
  await page.getByText('The judgement was stored').waitFor();
  await dialog.waitFor({ state: 'detached' });
  const stored = await until('the judgement', async () => (await api('/feedback', { ...range, call_id: id })).feedback.find((f) => f.comment === comment));
  assert.deepEqual([stored.score, stored.label, stored.user, stored.evaluator], [0, 'thumbs_down', 'reviewer', 'user']);
  // It is found where thumbs down are.
  const thumbs = await open(browser, at('/quality', { label: 'thumbs_down' }));
  await thumbs.page.getByRole('table', { name: 'Worst first' }).getByText(comment).waitFor();
  await thumbs.done();
  await done();
});

test('quality: failures of a rule are shown as the judgements that they are', async () => {
  // What rules judged is counted when they do: of the made-up history that is now.
  const { page, done } = await open(browser, '/quality?tab=evaluators&start=-15m');
  const rule = page.getByRole('table', { name: 'Rules' }).getByRole('row').filter({ has: page.getByRole('link', { name: 'Show failures' }) }).first();
  await rule.waitFor({ timeout: 90_000 });
  const name = await rule.getByRole('cell').first().innerText();
  await rule.getByRole('link', { name: 'Show failures' }).click();
  await address(page, { evaluator: name, start: '-15m' });
  const table = page.getByRole('table', { name: 'Worst first' });
  await page.goto(base + at('/quality', { evaluator: name }));
  const { feedback } = await api('/feedback', { ...range, evaluator: name, limit: '1000' });
  assert.ok(feedback.length > 0);
  await same('the failures', () => rowCount(table), feedback.length);
  assert.ok((await cells(table)).every((r) => r.includes(name)));
  // The sums and the distribution are of the same judgements.
  await page.getByRole('region', { name: 'Judgements', exact: true }).getByText(feedback.length.toLocaleString('en-US'), { exact: true }).waitFor();
  const parts = await page.getByRole('group', { name: 'Distribution of scores' }).getByRole('button').evaluateAll((l) => l.map((b) => Number(/: ([\d,]+) judgement/.exec(b.title)[1].replaceAll(',', ''))));
  assert.equal(parts.reduce((a, b) => a + b, 0), feedback.filter((f) => f.score !== undefined).length);
  await shot(page, 'operate-rule-failures', { fullPage: true });
  await done();
});

test('probes: one is run now and its answer counted', async () => {
  const { page, done } = await open(browser, '/quality?tab=probes');
  const counted = async () => (await api('/probes')).probes.find((p) => p.name === 'acme-7b').counts.wrong ?? 0;
  const before = await counted();
  await page.getByRole('button', { name: 'Run now: acme-7b', exact: true }).click();
  await page.getByText('acme-7b: wrong answer').waitFor();
  assert.ok((await counted()) > before);
  await page.getByRole('table', { name: 'Probes' }).getByRole('row').filter({ hasText: 'acme-7b' }).getByText('the answer does not contain "42"').waitFor();
  await shot(page, 'operate-probes');
  await done();
});

// Alerts

test('alerts: one is silenced with who and why, is muted, and notifies again', async () => {
  const comment = `journey ${run()}`;
  const manager = async (path) => (await fetch(`${base}/alertmanager/api/v2${path}`)).json();
  const labels = await until('an alert to silence', async () => (await manager('/alerts?silenced=false')).find((a) => a.labels.budget === 'team-care')?.labels);
  const { page, done } = await open(browser, '/alerts');
  await page.getByRole('textbox', { name: 'Filter by name, label or text' }).fill(`budget=team-care threshold=${labels.threshold}`);
  const alert = page.getByRole('button', { name: /budget team-care/ });
  await alert.click();
  await page.waitForURL((u) => u.searchParams.has('alert') && u.searchParams.has('search'));
  await page.getByRole('button', { name: 'Silence', exact: true }).click();
  const form = page.getByRole('dialog', { name: 'New silence' });
  await form.getByText('Alerts that this mutes now: 1 alert', { exact: true }).waitFor();
  const author = form.getByRole('textbox', { name: 'Author' });
  await author.fill('');
  await form.getByRole('button', { name: 'Silence', exact: true }).click();
  await form.getByText('Say who').waitFor();
  await form.getByText('Say why').waitFor();
  await author.fill('on call');
  await form.getByRole('textbox', { name: 'Comment' }).fill(comment);
  await shot(page, 'operate-silence');
  await form.getByRole('button', { name: 'Silence', exact: true }).click();
  await form.waitFor({ state: 'detached' });
  const mine = async () => (await manager('/silences')).find((s) => s.comment === comment);
  const silence = await until('the silence', mine);
  assert.equal(silence.createdBy, 'on call');
  assert.equal(silence.status.state, 'active');
  // Of the labels, whatever its severity is later.
  const { severity: _, ...rest } = labels;
  assert.deepEqual(Object.fromEntries(silence.matchers.map((m) => [m.name, m.value])), rest);
  assert.ok(silence.matchers.every((m) => m.isEqual && !m.isRegex));
  assert.ok(Math.abs(Date.parse(silence.endsAt) - Date.parse(silence.startsAt) - 7_200_000) < 60_000);
  await until('the alert is muted', async () => (await manager('/alerts')).some((a) => a.status.state === 'suppressed' && a.status.silencedBy.includes(silence.id)));
  await page.reload();
  await alert.getByText('silenced', { exact: true }).waitFor();
  await shot(page, 'operate-silenced-alert');

  await page.getByRole('tab', { name: 'Silences' }).click();
  const card = page.getByRole('article', { name: comment });
  await card.getByText(/by on call/).waitFor();
  await card.getByText(/Mutes now: 1 alert/).waitFor();
  await card.getByRole('button', { name: 'Expire' }).click();
  await shot(page, 'operate-silences');
  await page.getByRole('dialog').getByRole('button', { name: 'Expire' }).click();
  await card.waitFor({ state: 'detached' });
  assert.equal((await mine()).status.state, 'expired');
  await page.getByRole('switch', { name: 'Expired too' }).press(' ');
  await address(page, { expired: '1' });
  await card.getByText('expired', { exact: true }).waitFor();
  await until('nothing silences the alert', async () => (await manager('/alerts')).every((a) => !a.status.silencedBy.includes(silence.id)));
  await done();
});

test('alerts: one about calls is compared with before it began', async () => {
  const firing = await until('an alert about calls', async () => (await prom('/alerts')).alerts.find((a) => ['SLOErrorBudgetBurn', 'HighErrorRate', 'ErrorSpike', 'SlowFirstToken'].includes(a.labels.alertname) && a.labels.service !== undefined), 60_000);
  const words = Object.entries(firing.labels).filter(([k]) => ['alertname', 'service', 'model', 'slo'].includes(k)).map(([k, v]) => `${k}=${v}`).join(' ');
  const { page, done } = await open(browser, `/alerts?${new URLSearchParams({ search: words })}`);
  await page.getByRole('main').getByRole('region').getByRole('button').first().click();
  const explained = answer(page, '/api/pitot/v1/explain?');
  await page.getByRole('button', { name: 'Compare with before' }).click();
  const { summary, causes } = await explained;
  const group = page.getByRole('group', { name: 'Explanation' });
  await group.getByText(summary, { exact: true }).waitFor();
  if (causes.length > 0) assert.equal(await group.getByRole('list').first().getByRole('listitem').count() >= causes.length, true);
  await shot(page, 'operate-alert-compared', { fullPage: true });
  await page.getByRole('button', { name: 'Hide the comparison' }).click();
  await group.waitFor({ state: 'detached' });
  await done();
});

test('channels: a test is sent and arrives', { skip: process.env.PITOT_SINK === undefined && 'PITOT_SINK is not set' }, async () => {
  const came = async () => (await (await fetch(process.env.PITOT_SINK)).json());
  const { page, done } = await open(browser, '/alerts/channels');
  const before = (await came()).counts.oncall ?? 0;
  await page.getByRole('button', { name: 'Send a test: oncall' }).click();
  const result = page.getByRole('region', { name: 'oncall' }).getByRole('status');
  await result.getByText('Every channel took the test').waitFor();
  const { counts, last } = await came();
  assert.ok(counts.oncall > before);
  const mail = last.find((n) => n.receiver === 'oncall');
  assert.ok(mail.body.alerts.length > 0 && mail.body.receiver === 'oncall', JSON.stringify(mail.body).slice(0, 300));
  await shot(page, 'operate-channels');
  await done();
});

test('rules: one is found, opened and asked in the query page', async () => {
  const { page, done } = await open(browser, '/alerts/rules');
  const rule = (await prom('/rules', { type: 'alert' })).groups.flatMap((g) => g.rules).find((r) => r.name === 'ProbeWrong');
  await page.getByRole('textbox', { name: 'Filter by name, group or expression' }).fill('ProbeWrong');
  const table = page.getByRole('table', { name: 'Rules' });
  await same('the rules found', async () => (await cells(table)).map((r) => r[1]), ['ProbeWrong']);
  await table.getByRole('row').filter({ hasText: 'ProbeWrong' }).click();
  const drawer = page.getByRole('dialog', { name: 'ProbeWrong' });
  await shot(page, 'operate-rule');
  await drawer.getByRole('link', { name: 'Open in query page' }).click();
  await page.waitForURL((u) => u.pathname === '/query' && u.searchParams.get('expr') === rule.query);
  await page.getByRole('tab', { name: 'Table' }).click();
  await page.getByRole('table', { name: rule.query }).getByText('acme-7b').waitFor();
  await done();
});

test('rules: packs and their thresholds', async () => {
  const { page, done } = await open(browser, '/alerts/rules');
  await page.getByRole('radiogroup', { name: 'View' }).getByText('Packs and files').click();
  await address(page, { view: 'packs' });
  const { packs, files } = await api('/rules');
  for (const p of packs) await page.getByRole('region', { name: p.name, exact: true }).waitFor();
  assert.equal(await page.getByRole('table', { name: 'Rule files' }).getByRole('row').count(), files.length + 1);
  await shot(page, 'operate-packs', { fullPage: true });
  await done();
});

test('alert history: a bar is zoomed to', async () => {
  const { page, done } = await open(browser, at('/alerts/history'));
  const lane = page.getByRole('group', { name: /^ErrorSpike .*model=deepseek-chat/ });
  await shot(page, 'operate-history', { fullPage: true });
  await lane.getByRole('button', { name: /^Zoom to .*fired/ }).first().click();
  await page.waitForURL((u) => u.searchParams.get('start') !== range.start && u.searchParams.get('end') !== range.end);
  const { start, end } = Object.fromEntries(new URL(page.url()).searchParams);
  assert.ok(Date.parse(end) - Date.parse(start) < Date.parse(range.end) - Date.parse(range.start));
  const [series] = (await prom('/query_range', { query: 'ALERTS{alertname="ErrorSpike",model="deepseek-chat",alertstate="firing"}', start: seconds(start), end: seconds(end), step: '10' })).result;
  assert.ok(series.values.length > 1, 'it fired in the range that was zoomed to');
  await lane.waitFor();
  await page.goBack();
  await address(page, range);
  await done();
});

// Objectives

test('objectives: one over its whole window, and the calls that spent its budget', async () => {
  const { page, done } = await open(browser, at('/slos'));
  const { slos } = await api('/slos');
  assert.equal(await page.getByRole('table', { name: `${slos.length} objectives` }).getByRole('row').count(), slos.length + 1);
  await page.getByRole('link', { name: 'code-completions' }).click();
  await page.waitForURL('**/slos/code-completions?**');
  await page.getByRole('radiogroup', { name: 'Range of the charts' }).getByText('Whole window (7 d)').click();
  await page.waitForURL((u) => u.searchParams.has('span'));
  // Answers of the page before the reload cannot be read any more.
  const drawn = page.waitForResponse(async (r) => r.url().includes('period_error_budget_remaining') && ((await r.json().catch(() => undefined))?.data.result[0]?.values.length ?? 0) > 10);
  await reload(page);
  await drawn;
  assert.ok(await page.getByRole('radio', { name: 'Whole window (7 d)' }).isChecked());
  await page.getByRole('img', { name: /^Error budget over the window: / }).waitFor();
  // Of a week there is half an hour: it is asked for by itself, with enough points to be seen.
  await page.getByText(/^Recorded since/).first().waitFor();
  await shot(page, 'operate-slo', { fullPage: true });
  await page.getByRole('link', { name: 'Bad calls' }).click();
  await page.waitForURL((u) => u.pathname === '/calls' && u.searchParams.get('service') === 'code-assistant' && u.searchParams.get('status') === 'error' && u.searchParams.get('start') === range.start);
  const { totals } = await api('/summary', { ...range, service: 'code-assistant', status: 'error' });
  assert.ok(totals.calls > 0);
  await page.getByText(`${totals.calls} calls`, { exact: true }).waitFor();
  const { calls } = await api('/calls', { ...range, service: 'code-assistant', status: 'error', limit: '10' });
  const table = page.getByRole('table').first();
  await same('the first calls', async () => (await cells(table)).slice(0, 10).map((r) => calls.findIndex((c) => r.includes(c.error_type) && r.includes(c.request_model) && r.includes(c.user)) >= 0), calls.map(() => true));
  await done();
});
