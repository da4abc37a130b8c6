import { useQuery } from '@tanstack/react-query';
import { get } from '~/api/client';
import { niceStep, range as ask, type Series } from '~/api/prom';
import type { SLOReport, SLOStatus } from '~/api/types';
import { useSettings } from '~/state/settings';
import { useTime } from '~/state/time';
import { useParam } from '~/state/url';
import { firstSample, gridOf, overSteps, recordedPart, windowSeconds } from './slo';

export function useSLOs() {
  const { tick } = useSettings();
  return useQuery({ queryKey: ['slos', tick], queryFn: async ({ signal }) => (await get<SLOReport>('/slos', {}, signal)).slos, placeholderData: (was) => was });
}

/** The range of the charts: the objective's window until now, or that of the page. Unix seconds. */
export function useSpan(s: SLOStatus): { from: number; to: number; step: number; whole: boolean; set: (v: string | null) => void } {
  const { range } = useTime();
  const { tick } = useSettings();
  const [span, set] = useParam('span', 'range');
  const whole = span === 'window';
  // The budget is recorded every five minutes.
  const to = whole ? Math.ceil(tick / 300_000) * 300 : range.to / 1000;
  const from = whole ? to - windowSeconds(s.window, tick) : range.from / 1000;
  return { from, to, step: niceStep(to - from, 240), whole, set };
}

/** Any of the recorded series over a span, or over the part of it that has records. */
export function useRecorded(expr: string, span: { from: number; to: number; step: number }) {
  const whole = useSeries(expr, span, true);
  const part = recordedPart(span, firstSample(whole.data ?? []));
  const close = useSeries(expr, part ?? span, part !== undefined);
  return part === undefined || close.data === undefined ? { query: whole, at: span, part } : { query: close, at: part, part };
}

function useSeries(expr: string, span: { from: number; to: number; step: number }, enabled: boolean) {
  const { step } = span;
  const { start, end } = gridOf(span);
  return useQuery<Series[]>({
    queryKey: ['slos', 'series', expr, start, end, step],
    enabled,
    queryFn: ({ signal }) => ask(overSteps(expr, step), start, end, step, signal),
    placeholderData: (was, q) => (q?.queryKey[2] === expr ? was : undefined),
  });
}
