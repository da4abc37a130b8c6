// What pages show while they wait, with far too much data, and in Chinese.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { rowCount, seconds } from './act.mjs';
import { accessibility, api, base, history, launch, open, shot, until } from './lib.mjs';

let browser;
let range;
before(async () => {
  browser = await launch();
  range = await history();
});
after(() => browser?.close());

/** A page over the made-up history, so that it shows what the API answers for the same. */
const at = (path, params = {}) => `${path}?${new URLSearchParams({ ...range, ...params })}`;

test('loading: each page says so until it has its answer', async () => {
  for (const [link, route, loaded, lang] of [
    ['SLOs', '**/api/pitot/v1/slos**', (p) => p.getByRole('link', { name: 'code-completions' }), 'en'],
    ['Logs', '**/select/logsql/query?**', (p) => p.getByRole('treegrid', { name: 'Rows' }), 'en'],
    ['模型', '**/api/pitot/v1/compare?**', (p) => p.getByRole('region', { name: '并排对比' }), 'zh'],
    ['基础设施', '**/api/v1/query?**', (p) => p.getByRole('table', { name: '模型服务器' }), 'zh'],
  ]) {
    const { page, done } = await open(browser, at('/status'), { lang });
    let answered;
    const gate = new Promise((resolve) => { answered = resolve; });
    await page.route(route, async (r) => {
      await gate;
      await r.continue().catch(() => {}); // The page may ask no longer.
    });
    await page.getByRole('link', { name: link, exact: true }).click();
    const loading = page.getByRole('main').getByRole('status', { name: lang === 'zh' ? '加载中' : 'Loading' });
    await loading.first().waitFor();
    assert.equal(await loaded(page).count(), 0, `${link}: nothing is there before its answer`);
    await shot(page, `operate-loading-${route.split('/').at(-1).replace(/\W/g, '')}-${lang}`);
    answered();
    await loaded(page).first().waitFor();
    await until(`${link} has loaded`, async () => (await loading.count()) === 0);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await done();
  }
});

const inPage = (of) => of.locator('[role="row"]').count();

test('huge data: twenty thousand rows of logs are walked by keys, and few are in the page', async () => {
  const { page, done } = await open(browser, at('/status'));
  const end = Date.parse(range.end);
  const lines = Array.from({ length: 20_000 }, (_, i) => JSON.stringify({ _time: new Date(end - i * 50).toISOString().replace('Z', '000000Z'), _stream_id: 'journey', _msg: `line ${i}`, kind: 'log', level: i % 50 === 0 ? 'error' : 'info', service: 'huge' })).join('\n') + '\n';
  await page.route('**/select/logsql/query?**', (r) => (r.request().url().includes('stats') ? r.continue() : r.fulfill({ contentType: 'application/stream+json', body: lines })));
  await page.goto(base + at('/logs', { query: 'service:="huge" | limit 20000' }));
  const rows = page.getByRole('treegrid', { name: 'Rows' });
  await rows.locator('[data-line="0"]').waitFor();
  assert.equal(await rowCount(rows), 20_000);
  assert.ok((await inPage(rows)) < 120, `${await inPage(rows)} rows in the page`);
  await rows.locator('[data-line="0"]').focus();
  await page.keyboard.press('ArrowDown');
  await rows.locator('[data-line="1"]:focus').waitFor();
  // A line that a key leads to is seen whole, between the head and the edge.
  const hidden = () => rows.evaluate((el) => {
    const [box, head, line] = [el, el.querySelector('[role="rowgroup"]'), document.activeElement].map((e) => e.getBoundingClientRect());
    return line.top < head.bottom - 1 || line.bottom > box.bottom + 1 || head.top > box.top + 2;
  });
  for (let i = 2; i < 40; i++) {
    await page.keyboard.press('ArrowDown');
    await rows.locator(`[data-line="${i}"]:focus`).waitFor();
  }
  await until('the line is seen', async () => !(await hidden()));
  await page.keyboard.press('PageUp');
  await page.keyboard.press('PageUp');
  await until('the line above is seen', async () => !(await hidden()));
  await page.keyboard.press('End');
  await rows.locator('[data-line="19999"]:focus').getByText('line 19999').waitFor();
  assert.ok((await inPage(rows)) < 120);
  await until('the last line is seen', async () => !(await hidden()));
  await shot(page, 'operate-logs-huge');
  await page.keyboard.press('Home');
  await rows.locator('[data-line="0"]:focus').waitFor();
  await done();
});

test('huge data: twenty thousand series in the table and the graph of a query', async () => {
  const { page, done } = await open(browser, at('/status'));
  const many = 20_000;
  const metric = (i) => ({ __name__: 'huge', pod: `pod-${String(i).padStart(5, '0')}`, zone: `z${i % 7}` });
  const [from, to] = [Number(seconds(range.start)), Number(seconds(range.end))];
  const reply = (data) => (r) => r.fulfill({ contentType: 'application/json', body: JSON.stringify({ status: 'success', data }) });
  await page.route('**/api/v1/query?**', reply({ resultType: 'vector', result: Array.from({ length: many }, (_, i) => ({ metric: metric(i), value: [to, String(i)] })) }));
  await page.route('**/api/v1/query_range?**', reply({ resultType: 'matrix', result: Array.from({ length: many / 10 }, (_, i) => ({ metric: metric(i), values: Array.from({ length: 20 }, (__, k) => [Math.ceil(from / 60) * 60 + k * 60, String(i)]) })) }));
  await page.goto(base + at('/query', { expr: 'huge', tab: 'table', step: '60s' }));
  const table = page.getByRole('table', { name: 'huge' });
  await table.getByText('pod-19999').waitFor();
  assert.equal(await rowCount(table), many);
  assert.ok((await inPage(table)) < 100, `${await inPage(table)} rows in the page`);
  await table.focus();
  await page.keyboard.press('End');
  await table.getByText('pod-00000').waitFor();
  await page.keyboard.press('Home');
  await table.getByText('pod-19999').waitFor();
  await table.getByRole('button', { name: 'pod' }).click();
  await table.getByRole('button', { name: 'Value' }).click();
  await table.getByRole('button', { name: 'Value' }).click();
  await table.getByText('pod-00000').waitFor();
  assert.ok((await inPage(table)) < 100);
  await shot(page, 'operate-query-huge');
  await page.getByRole('tab', { name: 'Graph' }).click();
  await page.getByText(`The 40 series with the highest latest values of ${many / 10} are drawn.`, { exact: false }).waitFor();
  assert.equal(await page.getByRole('group', { name: /^Series of the chart/ }).getByRole('button').count(), 40);
  await shot(page, 'operate-query-huge-graph');
  await done();
});

test('the same in Chinese: what is open in an address is said in Chinese, and can be read by everybody', async () => {
  const price = (await api('/prices', { scope: 'used', limit: '10000' })).prices.find((p) => p.provider === 'anthropic');
  for (const [name, path, text] of [
    ['models', at('/models', { baseline: 'gpt-4o', measure: 'error_rate' }) + '&pick=gpt-4o&pick=gpt-4o-mini', '详细对比'],
    ['cost', at('/cost', { drill: 'model=gpt-4o', by: 'service' }), '返回|下钻|模型'],
    ['price', `/cost/prices?price=${encodeURIComponent([price.provider, price.model, price.since ?? '', price.origin].join('|'))}`, `${price.model} 的价格`],
    ['unpriced', at('/cost/unpriced'), '未定价的流量'],
    ['judge', at('/quality', { judge: 'new' }), '评判一次调用'],
    ['silence', `/alerts?silence=new&matcher=${encodeURIComponent('alertname="BudgetThreshold"')}`, '新建静默'],
    ['channels', '/alerts/channels', '发送测试'],
    ['slo', at('/slos/code-completions', { span: 'window' }), '整个窗口'],
    ['logs', at('/logs', { all: '1', columns: 'trace_id', query: 'level:="error"' }), '所有类型'],
    ['explain', at('/query', { expr: 'sum by (model) (rate(llm_requests_total[5m]))', tab: 'explain' }), '单独计算'],
    ['infrastructure', at('/infrastructure', { server: 'vllm', model: 'qwen3-8b' }), '该模型的调用'],
    ['doctor', '/status/doctor?start=2001-01-01T00:00:00Z&end=2001-01-02T00:00:00Z', '该时间范围内没有调用，但其他时间有'],
  ]) {
    const { page, done } = await open(browser, path, { lang: 'zh', theme: 'dark' });
    await page.getByText(new RegExp(text)).first().waitFor();
    assert.doesNotMatch(await page.locator('body').innerText(), /\{\{|NaN|undefined/, name);
    assert.deepEqual(await accessibility(page), [], `${name}: accessibility`);
    await shot(page, `operate-${name}-zh`);
    await done();
  }
});
