// The frame of all pages: commands, shortcuts, language, theme, time range.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, open, settled, shot } from './lib.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

test('commands by keyboard: a page, a range, an id', async () => {
  const { page, done } = await open(browser, '/status');
  await page.keyboard.press('Control+k');
  const box = page.getByRole('textbox', { name: 'Commands' });
  await box.waitFor();
  await box.fill('sessions');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/sessions**');
  await settled(page);
  await page.keyboard.press('Control+k');
  await box.fill('last 6 h');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/sessions?start=-6h');
  // In Chinese the same pages are found by their Chinese names.
  await page.keyboard.press('Control+k');
  await box.fill('中文');
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: '总览' }).waitFor();
  await page.keyboard.press('Control+k');
  await page.getByRole('textbox', { name: '命令' }).fill('成本');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/cost?start=-6h');
  await done();
});

test('shortcuts: g and a letter, theme, language, help; not while one types', async () => {
  const { page, done } = await open(browser, '/status');
  await page.keyboard.press('g');
  await page.keyboard.press('l');
  await page.waitForURL('**/logs');
  await settled(page);
  await page.locator('body').click({ position: { x: 5, y: 600 } });
  await page.keyboard.press('Shift+T');
  assert.equal(await page.evaluate(() => document.documentElement.getAttribute('data-mantine-color-scheme')), 'dark');
  await page.keyboard.press('Shift+L');
  await page.getByRole('link', { name: '日志' }).waitFor();
  // Both are kept over a reload.
  await page.reload();
  await settled(page);
  assert.equal(await page.evaluate(() => document.documentElement.getAttribute('data-mantine-color-scheme')), 'dark');
  await page.getByRole('link', { name: '日志' }).waitFor();
  await page.locator('body').click({ position: { x: 5, y: 600 } });
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: '键盘快捷键' }).waitFor();
  await shot(page, 'keyboard-help');
  await page.keyboard.press('Escape');
  await done();
});

test('every link of the navigation can be reached and followed by keyboard', async () => {
  const { page, done } = await open(browser, '/status');
  await page.keyboard.press('Tab');
  assert.match(await page.evaluate(() => document.activeElement?.textContent ?? ''), /Skip to content/);
  const reached = new Set();
  for (let i = 0; i < 40 && reached.size < 15; i++) {
    await page.keyboard.press('Tab');
    const href = await page.evaluate(() => (document.activeElement?.closest('nav') ? document.activeElement.getAttribute('href') : null));
    if (href !== null) reached.add(href);
  }
  assert.equal(reached.size, 15, [...reached].join(' '));
  await done();
});

test('the time range: presets, absolute times, wrong ones, earlier and later; Back undoes', async () => {
  const { page, done } = await open(browser, '/cost');
  await page.getByTestId('time-range').click();
  await page.getByRole('button', { name: 'Last 6 h', exact: true }).click();
  await page.waitForURL('**/cost?start=-6h');
  await page.getByTestId('time-range').click();
  await page.getByRole('textbox', { name: 'Start' }).fill('not a time');
  await page.getByText('Not a time').waitFor();
  await page.getByRole('textbox', { name: 'Start' }).fill('2026-01-01 08:00');
  await page.getByRole('textbox', { name: 'End' }).fill('2026-01-01 09:00');
  await page.getByRole('button', { name: 'Apply' }).click();
  // The browser is in Shanghai: 08:00 there is midnight UTC.
  await page.waitForURL((u) => u.searchParams.get('start') === '2026-01-01T00:00:00.000Z' && u.searchParams.get('end') === '2026-01-01T01:00:00.000Z');
  await page.goBack();
  await page.waitForURL('**/cost?start=-6h');
  await settled(page);
  await done();
});

test('a wall display hides the frame', async () => {
  const { page, done } = await open(browser, '/?kiosk=1', { theme: 'dark', width: 1920, height: 1080 });
  assert.equal(await page.getByRole('link', { name: 'Calls', exact: true }).isVisible(), false);
  await shot(page, 'wall');
  await done();
});
