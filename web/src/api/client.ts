// The one way to the server: same origin, JSON, errors with a code and a hint.

/** An error as the server says it, or as the network does. */
export class ApiError extends Error {
  readonly code: string;
  readonly hint: string;
  readonly status: number;

  constructor(status: number, code: string, message: string, hint = '') {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.hint = hint;
  }
}

export type ParamValue = string | number | boolean | undefined | null | readonly string[];
export type Params = Record<string, ParamValue>;

/** Writes parameters; what is empty is left out, lists are repeated. */
export function queryString(params: Params = {}): string {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(params)) {
    if (v === undefined || v === null || v === '') continue;
    if (Array.isArray(v)) for (const each of v as readonly string[]) q.append(k, each);
    else q.set(k, String(v));
  }
  const s = q.toString();
  return s === '' ? '' : '?' + s;
}

/** The event by which the page learns that a login has ended, or that one is needed. */
export const unauthenticated = 'pitot:unauthenticated';

export const base = '/api/pitot/v1';

/** Reads the error of an answer: Pitot's, Prometheus', the Alertmanager's, or plain text. */
export async function errorOf(r: Response): Promise<ApiError> {
  const text = await r.text().catch(() => '');
  try {
    const v: unknown = JSON.parse(text);
    if (typeof v === 'string') return new ApiError(r.status, `http_${r.status}`, v);
    const o = v as { error?: { code?: string; message?: string; hint?: string } | string; errorType?: string; message?: string };
    if (typeof o.error === 'object' && o.error !== null) {
      return new ApiError(r.status, o.error.code ?? `http_${r.status}`, o.error.message ?? r.statusText, o.error.hint);
    }
    if (typeof o.error === 'string') return new ApiError(r.status, o.errorType ?? `http_${r.status}`, o.error);
    if (typeof o.message === 'string') return new ApiError(r.status, `http_${r.status}`, o.message);
  } catch {
    // no JSON: the text itself
  }
  return new ApiError(r.status, `http_${r.status}`, text.trim().slice(0, 500) || r.statusText || `status ${r.status}`);
}

export interface RequestOptions {
  params?: Params;
  signal?: AbortSignal;
  method?: string;
  /** Sent as JSON. */
  body?: unknown;
}

/** Asks the server for any path; errors are ApiErrors. Code network: it does not answer. */
export async function request(path: string, o: RequestOptions = {}): Promise<Response> {
  let r: Response;
  try {
    r = await fetch(path + queryString(o.params), {
      method: o.method ?? (o.body === undefined ? 'GET' : 'POST'),
      headers: o.body === undefined ? undefined : { 'Content-Type': 'application/json' },
      body: o.body === undefined ? undefined : JSON.stringify(o.body),
      signal: o.signal,
    });
  } catch (e) {
    if (e instanceof DOMException && e.name === 'AbortError') throw e;
    throw new ApiError(0, 'network', e instanceof Error ? e.message : String(e));
  }
  if (r.status === 401) window.dispatchEvent(new Event(unauthenticated));
  if (!r.ok) throw await errorOf(r);
  return r;
}

/** Asks Pitot's own API, /api/pitot/v1. */
export async function get<T>(path: string, params?: Params, signal?: AbortSignal): Promise<T> {
  const r = await request(base + path, { params, signal });
  return (await r.json()) as T;
}

export async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const r = await request(base + path, { body, signal });
  return (await r.json()) as T;
}
