// What two calls are compared by.

import type { Breakdown, Call, Message } from '~/api/types';
import type { Unit } from '~/format/number';
import type { StreamModel } from '../model';

export type Better = 'more' | 'less' | 'neither';

export interface Row {
  /** A word of the messages, or the name of a parameter. */
  label: string;
  group: 'call' | 'time' | 'usage' | 'params' | 'phases';
  a: string | number | undefined;
  b: string | number | undefined;
  unit?: Unit;
  better?: Better;
}

const usageNames = ['input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_write_tokens', 'reasoning_tokens', 'input_image_tokens', 'input_audio_tokens', 'output_audio_tokens'] as const;

function text(v: unknown): string | undefined {
  if (v === undefined || v === null) return undefined;
  return typeof v === 'string' ? v : JSON.stringify(v);
}

/** Rows that at least one of the two has a value for. */
export function rowsOf(a: StreamModel, b: StreamModel, ba?: Breakdown, bb?: Breakdown): Row[] {
  const x = a.call;
  const y = b.call;
  const word = (label: string, f: (c: Call) => string | undefined): Row => ({ label, group: 'call', a: f(x), b: f(y) });
  const rows: Row[] = [
    word('model', (c) => c.response_model ?? c.request_model), word('provider', (c) => c.provider), word('service', (c) => c.service), word('operation', (c) => c.operation), word('region', (c) => c.region), word('prompt', (c) => c.prompt_name), word('promptVersion', (c) => c.prompt_version),
    word('status', (c) => (c.status === 'ok' ? 'ok' : (c.error_type ?? 'error'))), word('finish', (c) => c.finish_reasons?.join(', ')),
    { label: 'duration', group: 'time', a: x.duration_seconds, b: y.duration_seconds, unit: 'seconds', better: 'less' },
    { label: 'ttft', group: 'time', a: x.ttft_seconds, b: y.ttft_seconds, unit: 'seconds', better: 'less' },
    { label: 'tpot', group: 'time', a: x.tpot_seconds, b: y.tpot_seconds, unit: 'seconds', better: 'less' },
    { label: 'tokensPerSecond', group: 'time', a: x.tokens_per_second, b: y.tokens_per_second, unit: 'tokens_per_second', better: 'more' },
    { label: 'chunks', group: 'time', a: x.chunks, b: y.chunks, unit: 'count', better: 'neither' },
    { label: 'medianGap', group: 'time', a: a.stats.median, b: b.stats.median, unit: 'seconds', better: 'less' },
    { label: 'longest', group: 'time', a: a.stats.longest?.seconds, b: b.stats.longest?.seconds, unit: 'seconds', better: 'less' },
    { label: 'stalls', group: 'time', a: a.missing === undefined ? a.stats.stalls.length : undefined, b: b.missing === undefined ? b.stats.stalls.length : undefined, unit: 'count', better: 'less' },
    { label: 'overhead', group: 'time', a: x.gateway_overhead_seconds, b: y.gateway_overhead_seconds, unit: 'seconds', better: 'less' },
    { label: 'cost', group: 'usage', a: x.cost.usd, b: y.cost.usd, unit: 'usd', better: 'less' },
    // Parts that few calls have, only where one of the two has them.
    ...usageNames.filter((n) => n === 'input_tokens' || n === 'output_tokens' || (x.usage[n] ?? 0) > 0 || (y.usage[n] ?? 0) > 0).map((n): Row => ({ label: n, group: 'usage', a: x.usage[n], b: y.usage[n], unit: 'count', better: n.startsWith('cache_read') ? 'more' : n.startsWith('cache') ? 'neither' : 'less' })),
  ];
  for (const name of new Set([...(ba?.phases ?? []), ...(bb?.phases ?? [])].map((p) => p.phase))) {
    // Only values: bounds do not compare.
    const of = (k?: Breakdown) => k?.phases.find((p) => p.phase === name)?.seconds;
    rows.push({ label: name, group: 'phases', a: of(ba), b: of(bb), unit: 'seconds', better: 'less' });
  }
  for (const name of [...new Set([...Object.keys(x.params ?? {}), ...Object.keys(y.params ?? {})])].sort()) rows.push({ label: name, group: 'params', a: text(x.params?.[name]), b: text(y.params?.[name]) });
  return rows.filter((r) => r.a !== undefined || r.b !== undefined);
}

/** Messages as plain text, each under its role: what a difference is told of. */
export function plain(messages: readonly Message[] | undefined): string {
  return (messages ?? []).map((m) => {
    const parts = m.parts.map((p) => {
      switch (p.type) {
        case 'text': case 'refusal': return p.content ?? '';
        case 'reasoning': return `[reasoning]\n${p.content ?? ''}`;
        case 'tool_call': return `[tool call] ${p.name ?? ''}(${pretty(p.arguments ?? '')})`;
        case 'tool_call_response': return `[tool response] ${p.name ?? ''}\n${typeof p.response === 'string' ? pretty(p.response) : JSON.stringify(p.response ?? p.content ?? '', null, 2)}`;
        default: return `[${p.modality ?? p.type}] ${p.mime_type ?? ''} ${p.uri ?? p.file_id ?? p.sha256 ?? ''}`.trim();
      }
    });
    return `── ${m.role}${m.name === undefined ? '' : ` (${m.name})`}\n${parts.join('\n')}`;
  }).join('\n');
}

/** JSON in lines, so that a changed value is a changed line. */
function pretty(s: string): string {
  try {
    const v: unknown = JSON.parse(s);
    return typeof v === 'object' && v !== null ? JSON.stringify(v, null, 2) : s;
  } catch {
    return s;
  }
}
