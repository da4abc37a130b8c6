// The answer of /explain, as docs/explain.md describes it, and the arithmetic of
// its drawing.

import { duration, format, percent, short, unknown, usd } from '~/format/number';

export interface ExplainCondition { dimension: string; value: string }

export interface ExplainSide {
  ranges?: { start: string; end: string }[];
  filter?: string;
  calls: number;
  sampled_one_in?: number;
  value?: number;
}

export interface ExplainDetail extends ExplainCondition {
  window_share: number;
  baseline_share: number;
  new?: boolean;
  text: string;
  text_zh: string;
}

export interface ExplainExemplar { id: string; trace_id?: string; time: string; value?: number; error?: string }

export interface ExplainCause {
  kind: 'behaviour' | 'mix' | 'volume';
  conditions: ExplainCondition[];
  new?: boolean;
  outcome?: ExplainCondition[];
  outcome_share?: number;
  event_share?: number;
  same?: ExplainCondition[];
  window_calls: number;
  baseline_calls: number;
  window_value?: number;
  baseline_value?: number;
  window_share?: number;
  baseline_share?: number;
  contribution?: number;
  score: number;
  p: number;
  since?: string;
  until?: string;
  details?: ExplainDetail[];
  sentence: string;
  sentence_zh: string;
  filter: { logsql: string; query: string; start: string; end: string };
  exemplars: ExplainExemplar[];
}

export const explainPhases = ['connect', 'queue', 'load', 'prefill', 'queue_or_prefill', 'decode', 'stalls', 'longer_answers', 'unknown'] as const;

export interface ExplainAnswer {
  metric: string;
  unit: string;
  verdict: 'explained' | 'uniform' | 'unexplained' | 'unchanged' | 'unknown';
  window: ExplainSide;
  baseline: ExplainSide;
  change: { absolute?: number; ratio?: number; p?: number; significant: boolean; mix_share?: number };
  causes: ExplainCause[];
  phases?: { of_cause: number; parts: { phase: string; window_seconds: number; baseline_seconds: number; share_of_change: number; evidence: string }[]; dominant?: string; text?: string; text_zh?: string };
  error_kinds?: (ExplainCondition & { errors: number; window_share: number; baseline_share: number })[];
  summary: string;
  summary_zh: string;
  notes: string[];
  notes_zh: string[];
  exemplars: ExplainExemplar[];
}

/** A value in the unit of the metric. */
export function explainValue(v: number | undefined, unit: string): string {
  if (v === undefined) return unknown;
  switch (unit) {
    case 'seconds': return duration(v);
    case 'ratio': return percent(v);
    case 'USD': return usd(v);
    case 'USD/h': return usd(v) + '/h';
    case 'score': return format(v, 'score');
    case 'tokens': return `${short(v)} tok`;
    case 'tokens/s': return `${short(v)} tok/s`;
    case 'per second': return `${short(v)}/s`;
    default: return `${short(v)} ${unit}`;
  }
}

/** How many times as frequent in the window as in the baseline; undefined where it was not there, or nothing is known. */
export function lift(window: number | undefined, baseline: number | undefined): number | undefined {
  if (window === undefined || baseline === undefined || baseline <= 0) return undefined;
  return window / baseline;
}

export function liftText(l: number | undefined): string {
  if (l === undefined) return '';
  return l >= 10 ? `×${short(Math.round(l))}` : l >= 1.05 || l <= 0.95 ? `×${l >= 1 ? Number(l.toFixed(1)) : Number(l.toPrecision(2))}` : '≈';
}

/** Widths of two bars in percent, on the scale of the longer one. */
export function bars(a: number | undefined, b: number | undefined): [number, number] {
  const top = Math.max(a ?? 0, b ?? 0);
  if (top <= 0) return [0, 0];
  const of = (v: number | undefined) => (v === undefined || v <= 0 ? 0 : Math.max(1.5, (v / top) * 100));
  return [of(a), of(b)];
}

/** The query string of a cause as a place in the explorer; nothing but parameters can come of it. */
export function callsLink(query: string): string {
  const q = new URLSearchParams(query);
  return '/calls?' + q.toString();
}
