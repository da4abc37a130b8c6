import { expect, test } from 'vitest';
import type { Breakdown, Phase } from '~/api/types';
import { place } from './phases';

const p = (phase: Phase['phase'], min: number, max = min): Phase => ({ phase, min_seconds: min, max_seconds: max, ...(max - min < 0.001 ? { seconds: (min + max) / 2 } : {}), source: 'rest', evidence: '' });
const breakdown = (phases: Phase[], stalls: Breakdown['stalls'] = []): Breakdown => ({ call_id: 'c', total_seconds: 10, duration_seconds: 10, phases, stalls, unknown: [], notes: [] });

/** Segments of an axis: in order, without overlaps and holes. */
function tiles(list: ReturnType<typeof place>, to: number): void {
  let at = 0;
  for (const s of list) {
    expect(s.from).toBeCloseTo(at, 9);
    expect(s.to).toBeGreaterThanOrEqual(s.from);
    at = s.to;
  }
  expect(at).toBeCloseTo(to, 9);
}

test('a stream: phases before the first token, decode with its stalls, tail', () => {
  const list = place(breakdown([p('gateway', 0.1), p('connect', 0.4), p('queue', 0.5), p('prefill', 1), p('decode', 5), p('stalls', 2), p('tail', 1)], [{ at_seconds: 4, duration_seconds: 2 }]), { duration: 10, ttft: 2, last: 9 });
  tiles(list, 10);
  expect(list.map((s) => [s.phase, +s.from.toFixed(3), +s.to.toFixed(3)])).toEqual([
    ['gateway', 0, 0.1], ['connect', 0.1, 0.5], ['queue', 0.5, 1], ['prefill', 1, 2], ['decode', 2, 4], ['stalls', 4, 6], ['decode', 6, 9], ['tail', 9, 10],
  ]);
});

test('what no one can tell apart is one segment with both names', () => {
  const list = place(breakdown([p('gateway', 0.1), p('network_and_queue', 0, 1.9), p('prefill', 0, 1.9), p('decode', 8)]), { duration: 10, ttft: 2, last: 10 });
  tiles(list, 10);
  expect(list[1]).toEqual({ phase: 'network_and_queue', from: 0.1, to: 2, or: ['prefill'] });
});

test('evidence that contradicts itself shrinks and does not overlap', () => {
  tiles(place(breakdown([p('queue', 3), p('prefill', 3), p('decode', 8)]), { duration: 10, ttft: 2, last: 10 }), 10);
});

test('a call without a stream', () => {
  const list = place(breakdown([p('gateway', 0.1), p('network_and_queue', 0, 9), p('decode', 0, 9), p('tail', 0, 0.4)]), { duration: 10 });
  tiles(list, 10);
  expect(list[1]).toMatchObject({ phase: 'network_and_queue', or: ['decode'] });
});

test('the timeline holds the first chunks only: the rest may be any of them', () => {
  const list = place(breakdown([p('queue', 2), p('decode', 5, 8), p('stalls', 0, 3), p('tail', 0, 3)]), { duration: 10, ttft: 2, last: 7 });
  tiles(list, 10);
  expect(list.at(-1)).toEqual({ phase: 'tail', from: 7, to: 10, or: ['decode', 'stalls'] });
});
