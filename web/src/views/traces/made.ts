// Traces for tests and for measuring: as large as one likes, the same at each run.

import type { Call, Trace, TraceSpan } from '~/api/types';

export interface Made {
  id: string;
  parent?: string;
  name?: string;
  kind?: TraceSpan['kind'];
  from: number;
  to: number;
  error?: boolean;
  container?: boolean;
  usd?: number;
  tokens?: [number, number];
  model?: string;
  service?: string;
  agent?: string;
  tool?: string;
}

const start = Date.UTC(2026, 0, 2, 3, 4, 5);

export function madeSpan(m: Made): TraceSpan {
  const kind = m.kind ?? (m.tokens === undefined ? 'other' : 'call');
  const time = new Date(start + m.from * 1000).toISOString();
  const status = m.error === true ? 'error' : 'ok';
  const common = { trace_id: 't', span_id: m.id, time, status, duration_seconds: m.to - m.from } as const;
  const call: Call | undefined = kind !== 'call' ? undefined : {
    id: 'call-' + m.id, ...common, source: 'gateway', operation: 'chat', request_model: m.model ?? 'm', service: m.service ?? 's',
    usage: { source: 'reported', input_tokens: m.tokens?.[0], output_tokens: m.tokens?.[1] },
    cost: m.usd === undefined ? { state: 'unpriced' } : { state: 'computed', usd: m.usd },
  };
  return {
    span_id: m.id, parent_span_id: m.parent, tree_parent: m.parent, name: m.name ?? m.id, kind, service: m.service ?? 's', start: time, offset_seconds: m.from, duration_seconds: m.to - m.from, status,
    ...(m.error === true ? { error_type: 'boom' } : {}), ...(m.container === true ? { container: true } : {}),
    ...(call === undefined ? { span: { id: 'span-' + m.id, ...common, source: 'sdk', name: m.name ?? m.id, agent: m.agent, tool: m.tool } } : { call }),
  };
}

export function madeTrace(spans: readonly Made[]): Trace {
  const list = spans.map(madeSpan).sort((a, b) => a.offset_seconds - b.offset_seconds);
  const counted = spans.filter((s) => s.tokens !== undefined && s.container !== true);
  const sum = (f: (m: Made) => number) => counted.reduce((n, m) => n + f(m), 0);
  const unpriced = counted.filter((m) => m.usd === undefined).length;
  return {
    trace_id: 't', start: new Date(start).toISOString(), duration_seconds: Math.max(0, ...list.map((s) => s.offset_seconds + s.duration_seconds)),
    errors: spans.filter((s) => s.error === true).length, calls: counted.length, input_tokens: sum((m) => m.tokens?.[0] ?? 0), output_tokens: sum((m) => m.tokens?.[1] ?? 0), cost_usd: sum((m) => m.usd ?? 0), ...(unpriced > 0 ? { unpriced_calls: unpriced } : {}), spans: list,
  };
}

/** An agent run of many spans: agents in agents, tools and calls below them. */
export function largeTrace(spans: number, seed = 1): Trace {
  let s = seed >>> 0;
  const rnd = () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return s / 2 ** 32;
  };
  const list: Made[] = [{ id: '0', name: 'run', kind: 'workflow', from: 0, to: spans * 0.05 }];
  const agents = ['0'];
  const range = new Map<string, [number, number]>([['0', [0, spans * 0.05]]]);
  for (let i = 1; i < spans; i++) {
    const parent = agents[Math.floor(rnd() * agents.length)] ?? '0';
    const [a, b] = range.get(parent) ?? [0, 1];
    const from = a + rnd() * (b - a) * 0.9;
    const to = Math.min(b, from + rnd() * Math.max(0.05, (b - from) * 0.1));
    const id = String(i);
    const what = rnd();
    if (what < 0.06) {
      agents.push(id);
      const wide = from + (b - from) * rnd();
      range.set(id, [from, wide]);
      list.push({ id, parent, name: `invoke_agent a${i % 7}`, kind: 'agent', agent: `a${i % 7}`, from, to: wide });
    } else if (what < 0.55) list.push({ id, parent, name: 'chat m', kind: 'call', tokens: [100 + i, 10], usd: rnd() < 0.1 ? undefined : 0.001, from, to, error: rnd() < 0.02 });
    else if (what < 0.9) list.push({ id, parent, name: `execute_tool t${i % 9}`, kind: 'tool', tool: `t${i % 9}`, from, to });
    else list.push({ id, parent, name: 'GET /x', from, to, service: 'web' });
  }
  return madeTrace(list);
}
