// How fast the pages are against a running Pitot (PITOT_URL), for docs/performance.md:
//   PITOT_URL=http://127.0.0.1:4400 node web/journeys/speed.mjs
import { api, launch, settled } from './lib.mjs';

const base = process.env.PITOT_URL ?? 'http://127.0.0.1:4400';
const rounds = Number(process.env.ROUNDS ?? 5);
const browser = await launch();
const median = (v) => [...v].sort((a, b) => a - b)[Math.floor(v.length / 2)];

async function fresh(path) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-US' });
  const page = await context.newPage();
  await page.goto(base + path, { waitUntil: 'commit' });
  return { page, close: () => context.close() };
}

/** Milliseconds from the start of the navigation until the figures are there and the page answers. */
async function interactive(path) {
  const { page, close } = await fresh(path);
  const at = await page.waitForFunction(
    () => {
      const main = document.querySelector('main');
      if (!main || main.innerText.trim().length < 200 || main.querySelector('.mantine-Skeleton-root')) return false;
      return performance.now();
    },
    undefined,
    { polling: 'raf', timeout: 60_000 },
  );
  const ms = await at.jsonValue();
  await settled(page);
  await close();
  return ms;
}

for (const [name, path] of [['overview, 1 h', '/'], ['overview, 24 h', '/?start=-24h&end=now'], ['calls, 24 h', '/calls?start=-24h&end=now'], ['traces, 1 h', '/traces'], ['models, 24 h', '/models?start=-24h&end=now'], ['cost, 24 h', '/cost?start=-24h&end=now']]) {
  const ms = [];
  for (let i = 0; i < rounds; i++) ms.push(await interactive(path));
  console.log(`${name}: interactive after ${Math.round(median(ms))} ms (${ms.map(Math.round).join(', ')})`);
}

/** Frames while a table is scrolled by a wheel for five seconds. */
{
  const { page, close } = await fresh('/calls?start=-24h&end=now');
  await settled(page);
  const row = page.getByRole('table', { name: 'Calls' }).getByRole('row').nth(3);
  await row.hover();
  await page.evaluate(() => {
    window.frames_ = [];
    const tick = (t) => {
      window.frames_.push(t);
      if (window.frames_.length < 10_000) requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  });
  const end = Date.now() + 5000;
  while (Date.now() < end) await page.mouse.wheel(0, 120);
  const frames = await page.evaluate(() => window.frames_.slice(1).map((t, i) => t - window.frames_[i]));
  const sum = frames.reduce((a, b) => a + b, 0);
  const rows = await page.evaluate(() => document.querySelectorAll('[role="row"], tr').length);
  console.log(`calls, scrolled for 5 s: ${(1000 * frames.length / sum).toFixed(1)} frames a second, median ${median(frames).toFixed(1)} ms, ${(100 * frames.filter((f) => f > 25).length / frames.length).toFixed(1)} % later than 25 ms; ${rows} rows in the document`);
  await close();
}
const { calls } = await api('/summary', { start: '-24h' }).then((s) => ({ calls: s.totals.calls })).catch(() => ({}));
console.log(`calls in 24 h: ${calls}`);
await browser.close();
