// Writes dist/licences.txt: the licence of every package that is in the bundle.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = new URL('..', import.meta.url).pathname;
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
const out = ['The pages of Pitot hold parts of these packages.\n'];
for (const [path, entry] of Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1))) {
  if (path === '' || entry.dev || entry.optional) continue;
  const dir = join(root, path);
  if (!existsSync(dir)) continue;
  const name = path.replace(/^.*node_modules\//, '');
  if (name.startsWith('@types/') || name === 'typescript') continue; // types leave nothing in the bundle
  const file = readdirSync(dir).find((f) => /^(licen[sc]e|copying)(\.|$)/i.test(f));
  const text = file === undefined ? '' : readFileSync(join(dir, file), 'utf8').trim();
  out.push(`--- ${name} ${entry.version} (${entry.license ?? 'see its package'})\n${text}\n`);
}
writeFileSync(join(root, 'dist', 'licences.txt'), out.join('\n'));
console.log(`licences of ${out.length - 1} packages`);
