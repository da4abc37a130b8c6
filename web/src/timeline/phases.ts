// The phases of a breakdown on the axis of a call. A breakdown says how long each
// was, as bounds; where each lies follows from their order and from what was seen:
// the first token, the gaps, the last chunk.

import type { Breakdown, Phase } from '~/api/types';

export type PhaseName = Phase['phase'];

export interface Segment {
  phase: PhaseName;
  from: number;
  to: number;
  /** The others that may have had a share of it; absent where it is certain. */
  or?: PhaseName[];
}

const before: readonly PhaseName[] = ['gateway', 'connect', 'network', 'queue', 'network_and_queue', 'load', 'prefill'];

/** The certain length of a phase. */
export function certain(p: Phase): number {
  return p.seconds ?? p.min_seconds;
}

/** How long it can be over what is certain. */
export function slack(p: Phase): number {
  return p.seconds === undefined ? Math.max(0, p.max_seconds - p.min_seconds) : 0;
}

interface Seen {
  duration: number;
  ttft?: number;
  last?: number;
}

/**
 * Places the phases one after the other. What is before the first token fills the
 * time until then; what no phase is sure of is a segment of those that may have
 * been it. Time in the caller is outside of the axis and is not placed.
 */
export function place(b: Breakdown, seen: Seen): Segment[] {
  const out: Segment[] = [];
  const find = (name: PhaseName) => b.phases.find((p) => p.phase === name);
  const decode = find('decode');
  const streamed = seen.ttft !== undefined;
  const early = [...before, ...(streamed ? [] : (['decode', 'stalls'] as const))].map(find).filter((p): p is Phase => p !== undefined);
  const tail = find('tail');
  const end = streamed ? Math.min(seen.ttft ?? 0, seen.duration) : Math.max(0, seen.duration - (tail === undefined ? 0 : certain(tail)));
  fill(out, early, 0, end);
  if (!streamed) {
    if (end < seen.duration) out.push({ phase: 'tail', from: end, to: seen.duration });
    return out;
  }
  const ended = Math.max(end, Math.min(seen.last ?? seen.duration, seen.duration));
  if (decode !== undefined) withStalls(out, b, end, ended);
  if (tail !== undefined && ended < seen.duration) {
    const or = others([decode, find('stalls'), tail], 'tail');
    out.push({ phase: 'tail', from: ended, to: seen.duration, ...(or === undefined ? {} : { or }) });
  }
  return out;
}

function others(list: readonly (Phase | undefined)[], self: PhaseName): PhaseName[] | undefined {
  const open = list.filter((p): p is Phase => p !== undefined && slack(p) > 0.001).map((p) => p.phase);
  return open.length > 1 && open.includes(self) ? open.filter((p) => p !== self) : undefined;
}

/** Certain parts in their order; what is left over lies where the first of the uncertain ones is. */
function fill(out: Segment[], phases: readonly Phase[], from: number, to: number): void {
  const sure = phases.reduce((sum, p) => sum + certain(p), 0);
  // Evidence may contradict itself by a little: then all shrink alike.
  const shrink = sure > to - from && sure > 0 ? (to - from) / sure : 1;
  const rest = Math.max(0, to - from - sure);
  const open = phases.filter((p) => slack(p) > 0);
  let at = from;
  let given = false;
  for (const p of phases) {
    const length = certain(p) * shrink;
    if (length > 0) {
      out.push({ phase: p.phase, from: at, to: at + length });
      at += length;
    }
    if (!given && rest > 0 && p === open[0]) {
      given = true;
      const or = open.slice(1).map((x) => x.phase);
      out.push({ phase: p.phase, from: at, to: at + rest, ...(or.length > 0 ? { or } : {}) });
      at += rest;
    }
  }
}

function withStalls(out: Segment[], b: Breakdown, from: number, to: number): void {
  let at = from;
  for (const s of [...b.stalls].sort((x, y) => x.at_seconds - y.at_seconds)) {
    const start = Math.max(s.at_seconds, at);
    const end = Math.min(s.at_seconds + s.duration_seconds, to);
    if (end <= start) continue;
    if (start > at) out.push({ phase: 'decode', from: at, to: start });
    out.push({ phase: 'stalls', from: start, to: end });
    at = end;
  }
  if (at < to) out.push({ phase: 'decode', from: at, to });
}
