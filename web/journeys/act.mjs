// What journeys do on pages, and how they read what is there.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { base, settled, until } from './lib.mjs';

export const run = () => randomBytes(4).toString('hex');

/** Waits until the parameters of the address are these; null: absent. */
export const address = (page, want) => page.waitForURL((u) => Object.entries(want).every(([k, v]) => u.searchParams.get(k) === v));

export async function reload(page) {
  await page.reload({ waitUntil: 'domcontentloaded' });
  await settled(page);
}

/** What the clipboard has after a click. */
export async function copied(page, click) {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  const mark = run();
  await page.evaluate((m) => navigator.clipboard.writeText(m), mark);
  await click();
  return until('the clipboard', async () => {
    const text = await page.evaluate(() => navigator.clipboard.readText());
    return text !== mark && text;
  });
}

export async function downloaded(page, click) {
  const [d] = await Promise.all([page.waitForEvent('download'), click()]);
  return { name: d.suggestedFilename(), bytes: readFileSync(await d.path()) };
}

/** The next answer to a request whose URL has all these parts. */
export const answer = async (page, ...parts) => (await page.waitForResponse((r) => parts.every((p) => r.url().includes(p)) && r.ok())).json();

/** RFC 4180. */
export function csv(text) {
  const rows = [[]];
  const cell = /("(?:[^"]|"")*"|[^,\n"]*)(,|\r?\n|$)/y;
  for (let m; cell.lastIndex < text.length && (m = cell.exec(text)) !== null;) {
    rows.at(-1).push(m[1].startsWith('"') ? m[1].slice(1, -1).replaceAll('""', '"') : m[1]);
    if (m[2] !== ',' && cell.lastIndex < text.length) rows.push([]);
  }
  const [head, ...rest] = rows;
  return rest.map((r) => Object.fromEntries(head.map((h, i) => [h, r[i]])));
}

/** The cells of the rows of a table that are in the page. */
export const cells = (table) => table.evaluate((t) => [...t.querySelectorAll('[role="row"][data-index]')].sort((a, b) => a.dataset.index - b.dataset.index).map((r) => [...r.querySelectorAll('[role="cell"]')].map((c) => c.textContent.trim())));
export const rowCount = async (table) => Number(await table.getAttribute('aria-rowcount')) - 1;
export const number = (text) => Number(text.replace(/[^\d.-]/g, ''));
export const option = (page, name) => page.getByRole('option', { name, exact: true });
export const prom = async (path, params = {}, of = base) => (await (await fetch(`${of}/api/v1${path}?${new URLSearchParams(params)}`)).json()).data;
export const seconds = (iso) => String(Date.parse(iso) / 1000);
