// A Pitot of a journey's own, for what would disturb the others: one without
// data, with a configuration file that changes, and a provider behind it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from './lib.mjs';

export const binary = process.env.PITOT_BIN ?? fileURLToPath(new URL('../../bin/pitot', import.meta.url));

async function listening(server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}

async function freePort() {
  const s = createServer();
  const port = await listening(s);
  s.close();
  await once(s, 'close');
  return port;
}

/** A provider in the dialect of OpenAI that answers every call alike. */
export async function provider({ model, input, output }) {
  const server = createServer((req, res) => {
    req.resume().on('end', () => {
      res.setHeader('Content-Type', 'application/json');
      res.end(JSON.stringify({ id: `chatcmpl-${Math.random().toString(36).slice(2)}`, object: 'chat.completion', created: Math.floor(Date.now() / 1000), model, choices: [{ index: 0, message: { role: 'assistant', content: 'Hello.' }, finish_reason: 'stop' }], usage: { prompt_tokens: input, completion_tokens: output, total_tokens: input + output } }));
    });
  });
  const port = await listening(server);
  return { url: `http://127.0.0.1:${port}`, stop: () => { server.closeAllConnections(); server.close(); } };
}

/** Starts `pitot serve` with a configuration file; write changes the file. */
export async function serve(config) {
  const dir = mkdtempSync(join(tmpdir(), 'pitot-journey-'));
  const file = join(dir, 'pitot.yml');
  writeFileSync(file, config);
  const [api, gateway, otlp] = [await freePort(), await freePort(), await freePort()].map((p) => `127.0.0.1:${p}`);
  let log = '';
  const child = spawn(binary, ['serve', `--config=${file}`, `--data=${join(dir, 'data')}`, `--listen.api=${api}`, `--listen.gateway=${gateway}`, '--listen.otlp-grpc=', `--listen.otlp-http=${otlp}`], { stdio: ['ignore', 'pipe', 'pipe'] });
  for (const out of [child.stdout, child.stderr]) out.on('data', (d) => { log = (log + d).slice(-20_000); });
  const ended = once(child, 'exit');
  const stop = async () => {
    child.kill();
    await ended;
    rmSync(dir, { recursive: true, force: true });
  };
  const url = `http://${api}`;
  const ready = until('the server is ready', async () => (await fetch(`${url}/-/ready`)).ok, 120_000);
  ready.catch(() => {});
  try {
    await Promise.race([ready, ended.then(() => { throw new Error(`pitot serve ended:\n${log}`); })]);
  } catch (e) {
    await stop();
    throw e;
  }
  return { url, gateway: `http://${gateway}`, otlp: `http://${otlp}`, file, write: (text) => writeFileSync(file, text), stop };
}
