// The LogsQL API of the event store: lines of JSON.

import { request } from './client';

export type Row = Record<string, string>;

/** Splits a stream of lines of JSON; a line that is no JSON is left out. */
export async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<Row> {
  const reader = body.pipeThrough(new TextDecoderStream() as unknown as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (value !== undefined) rest += value;
    const parts = rest.split('\n');
    rest = done ? '' : (parts.pop() ?? '');
    for (const p of parts) {
      if (p.trim() === '') continue;
      try {
        yield JSON.parse(p) as Row;
      } catch {
        continue;
      }
    }
    if (done) return;
  }
}

/** Runs a query and returns its rows. start and end are what the API takes: RFC 3339 or Unix seconds. */
export async function logsql(query: string, o: { start?: string; end?: string; limit?: number; signal?: AbortSignal } = {}): Promise<Row[]> {
  const r = await request('/select/logsql/query', { params: { query, start: o.start, end: o.end, limit: o.limit }, signal: o.signal });
  const rows: Row[] = [];
  if (r.body) for await (const row of lines(r.body)) rows.push(row);
  return rows;
}

/** Follows new rows until the signal ends it. */
export async function* tail(query: string, signal: AbortSignal): AsyncGenerator<Row> {
  const r = await request('/select/logsql/tail', { params: { query }, signal });
  if (r.body) yield* lines(r.body);
}

/** Any other endpoint of /select/logsql, which answers one JSON document. */
export async function logsqlJSON<T>(path: string, params: Record<string, string | number | undefined>, signal?: AbortSignal): Promise<T> {
  const r = await request('/select/logsql' + path, { params, signal });
  return (await r.json()) as T;
}

/** Quotes a value for a LogsQL filter. */
export function quote(s: string): string {
  return '"' + s.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n') + '"';
}
