// Fails when a first visit loads more than the budget: the entry and the overview
// with all that they import at once, gzipped.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const limit = 250_000;
const assets = new URL('../dist/assets/', import.meta.url).pathname;
const names = readdirSync(assets);
const text = (name) => readFileSync(join(assets, name), 'utf8');
const html = readFileSync(join(assets, '..', 'index.html'), 'utf8');
const entry = /src="\/assets\/([^"]+\.js)"/.exec(html)?.[1];
if (entry === undefined) throw new Error('index.html names no entry');
const overview = /overview-[\w-]+\.js/.exec(text(entry))?.[0];
if (overview === undefined) throw new Error('the entry does not name the overview');
// Shared code may be preloaded under other names: everything that is imported statically counts.
const seen = new Set();
function follow(name) {
  if (seen.has(name) || !names.includes(name)) return;
  seen.add(name);
  for (const m of text(name).matchAll(/(?:^|[;\s}])(?:import|export)(?:[^"'()]*?from)?\s*["']\.\/([^"']+\.js)["']/g)) follow(m[1]);
}
follow(entry);
follow(overview);
let sum = 0;
for (const name of seen) {
  const n = gzipSync(readFileSync(join(assets, name)), { level: 9 }).length;
  sum += n;
  console.log(`${String(n).padStart(8)} ${name}`);
}
console.log(`${String(sum).padStart(8)} gzipped at first load, limit ${limit}`);
if (sum > limit) process.exit(1);
