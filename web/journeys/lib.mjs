// What every journey needs: a browser, a page that reports what goes wrong, and
// a running Pitot, whose address is PITOT_URL.
import assert from 'node:assert/strict';
import { readFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isDeepStrictEqual } from 'node:util';
import { chromium } from 'playwright-core';

const require = createRequire(import.meta.url);

export const base = process.env.PITOT_URL ?? 'http://127.0.0.1:4400';
export const shots = process.env.SCREENSHOTS ?? new URL('../../test/artifacts/screenshots', import.meta.url).pathname;
mkdirSync(shots, { recursive: true });

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });

/** Errors that a journey causes on purpose are named by it. */
export async function open(browser, path, { lang = 'en', theme = 'light', width = 1440, height = 900, expected = [], reducedMotion = 'no-preference', at = base } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, locale: lang === 'zh' ? 'zh-CN' : 'en-US', timezoneId: 'Asia/Shanghai', reducedMotion, acceptDownloads: true });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000); // machines may be slow; nothing waits longer than it must
  const wrong = [];
  const note = (what) => {
    // That a network interface of the machine came or went is no fault of the page: it asks again.
    if (![...expected, 'ERR_NETWORK_CHANGED'].some((e) => what.includes(e))) wrong.push(what);
  };
  page.on('console', (m) => {
    if (m.type() === 'error' || m.type() === 'warning') note(`console ${m.type()}: ${m.text()}`);
  });
  page.on('pageerror', (e) => note(`exception: ${e.message}`));
  page.on('dialog', (d) => {
    note(`dialog: ${d.message()}`);
    void d.dismiss();
  });
  page.on('request', (r) => {
    const u = r.url();
    if (!u.startsWith(at + '/') && !u.startsWith('data:') && !u.startsWith('blob:' + at)) note(`request to elsewhere: ${u}`);
  });
  page.on('response', (r) => {
    if (r.status() >= 400) note(`${r.status()} ${r.url()}`);
  });
  await page.goto(at + path, { waitUntil: 'domcontentloaded' });
  await settled(page);
  return {
    page,
    /** Ends the journey: nothing may have gone wrong on the way. */
    async done() {
      await context.close();
      assert.deepEqual(wrong, [], `${path} (${lang}, ${theme})`);
    },
  };
}

/** Waits until the page has what it asked for. Live pages ask again: a moment without requests is enough. */
export async function settled(page) {
  await page.waitForSelector('main', { timeout: 20_000 });
  await page.waitForLoadState('networkidle', { timeout: 15_000 }).catch(() => {});
  await page.waitForFunction(() => document.querySelectorAll('main [role="status"].mantine-Skeleton-root').length === 0, undefined, { timeout: 20_000 });
}

export async function shot(page, name, o = {}) {
  // What slides in is shown where it ends.
  await page.screenshot({ path: `${shots}/${name}.png`, animations: 'disabled', ...o });
}

const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds against WCAG 2.1 A and AA, as lines. */
export async function accessibility(page) {
  // By the debugger, which the content security policy of the page does not bind.
  const client = await page.context().newCDPSession(page);
  await client.send('Runtime.evaluate', { expression: axe });
  const { result } = await client.send('Runtime.evaluate', {
    expression: `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }).then((r) => JSON.stringify(r.violations.flatMap((v) => v.nodes.slice(0, 3).map((n) => v.id + ': ' + n.target.join(' ') + ': ' + n.html.slice(0, 160) + ': ' + (n.any[0]?.message ?? n.all[0]?.message ?? n.none[0]?.message ?? '')))))`,
    awaitPromise: true, returnByValue: true,
  });
  return JSON.parse(result.value);
}

export async function api(path, params = {}, at = base) {
  const q = new URLSearchParams(params).toString();
  const r = await fetch(`${at}/api/pitot/v1${path}${q === '' ? '' : '?' + q}`);
  if (!r.ok) throw new Error(`${path}: ${r.status} ${await r.text()}`);
  return r.json();
}

/** Asks until the answer is what is wanted. */
export async function until(what, ask, timeout = 60_000) {
  const end = Date.now() + timeout;
  for (;;) {
    const v = await ask().catch(() => undefined);
    if (v) return v;
    if (Date.now() > end) throw new Error(`${what}: not within ${timeout / 1000} s`);
    await new Promise((r) => setTimeout(r, 200));
  }
}

/** Waits until what is read is what is wanted, and shows both where that never comes. */
export async function same(what, read, want, timeout = 60_000) {
  let got;
  await until(what, async () => isDeepStrictEqual((got = await read()), want), timeout).catch(() => assert.deepEqual(got, want, what));
}

/** The rows of a table that are in the page, in their order: their place in the whole table, and their cells by the titles of the columns. */
export const rowsOf = (table) =>
  table.evaluate((el) => {
    const titles = [...el.querySelectorAll('[role="columnheader"]')].map((h) => h.textContent.trim());
    const rows = [...el.querySelectorAll('[role="row"][data-index]')].map((r) => ({ index: Number(r.dataset.index), ...Object.fromEntries([...r.querySelectorAll('[role="cell"]')].map((c, i) => [titles[i], c.textContent.trim()])) }));
    return rows.sort((a, b) => a.index - b.index);
  });

/**
 * The range of the history that the demo made up, which no longer changes, once
 * all of it is stored: what a page shows of it can be held against the API.
 */
export async function history() {
  const { started, ledger } = await api('/status');
  const received = Object.fromEntries(ledger.map((l) => [l.source, l.received]));
  await until('the history is stored', async () => (await api('/status')).ledger.every((l) => l.stored >= (received[l.source] ?? 0)), 120_000);
  return { start: new Date(Date.parse(started) - 1_800_000).toISOString(), end: new Date(started).toISOString() };
}
