import { expect, test } from 'vitest';
import { arrival, complete, connections, type Way } from './snippets';

const a = complete({ api: 'http://10.0.0.5:4400', gateway: 'http://10.0.0.5:4401', otlp_http: 'http://10.0.0.5:4318', otlp_grpc: '10.0.0.5:4317' }, 'http://10.0.0.5:4400');

test('every snippet has this server’s address or none', () => {
  const ids = new Set(connections.map((c) => c.id));
  expect(ids.size).toBe(connections.length);
  for (const c of connections) {
    for (const s of c.snippets) {
      const code = s.code(a);
      expect(code, c.id).not.toMatch(/undefined|null|\[object/);
      expect(code, c.id).not.toMatch(/(127\.0\.0\.1|localhost):(4400|4401|4317|4318)/);
      expect(code, c.id).not.toMatch(/http:\/\/http/);
    }
  }
  expect(connections.find((c) => c.id === 'fluentd')?.snippets[0]?.code(a)).toContain('host 10.0.0.5\n  port 4400');
});

test('a connection is green when its own data has come', () => {
  const ways: Way[] = [
    { way: 'gateway', received: true, count: 7, parts: [{ name: 'openai', count: 5, last: '2026-01-01T00:00:00Z' }, { name: 'deepseek', count: 2, last: '2026-01-02T00:00:00Z' }] },
    { way: 'otlp_traces', received: true, count: 3, last: '2026-01-03T00:00:00Z', parts: [{ name: 'openllmetry', scope: 'opentelemetry.instrumentation.langchain', count: 3 }] },
    { way: 'prometheus_scrape', received: false, parts: [{ name: 'job vllm', count: 1, up: 0, error: 'connection refused' }] },
  ];
  const of = (id: string) => {
    const c = connections.find((x) => x.id === id);
    if (c === undefined) throw new Error(id);
    return arrival(c, ways);
  };
  expect(of('openai')).toMatchObject({ received: true, count: 5 });
  expect(of('upstreams')).toMatchObject({ received: true, count: 2, last: '2026-01-02T00:00:00Z' });
  expect(of('anthropic').received).toBe(false);
  expect(of('openllmetry').received).toBe(true);
  expect(of('langchain').received).toBe(true);
  expect(of('langfuse').received).toBe(false);
  expect(of('opentelemetry')).toMatchObject({ received: true, count: 3 });
  expect(of('servers')).toMatchObject({ received: false, error: 'connection refused' });
});
