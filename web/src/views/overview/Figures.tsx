// The summary figures, each beside the period before.

import { Skeleton } from '@mantine/core';
import { count as exact, duration, format, percent, short } from '~/format/number';
import { common } from '~/i18n/common';
import { Failure } from '~/ui/states';
import { linesOf } from '~/ui/prom/data';
import { usePromRange, useScope } from '~/ui/prom/useProm';
import { Stat, type StatProps } from '~/ui/Stat';
import { useSpeeds, useTimeline, useTotals, type Scene } from './data';
import { callsLink } from './filters';
import { latencyTargets, ttftTargets, useSpeedTargets } from './latency';
import { messages } from './messages';
import { column, perSecond, quotient, seconds, total } from './series';
import classes from './overview.module.css';
import type { FigureID } from './view';

type Values = (number | null)[];

export function Figures({ scene, ids }: { scene: Scene; ids: readonly FigureID[] }) {
  const t = messages.useT();
  const { now, before } = useTotals(scene);
  const timeline = useTimeline(scene);
  const speeds = useSpeeds(scene);
  const scope = useScope();
  const fromMetrics = speeds.source === 'metrics';
  const latency = usePromRange(latencyTargets(scene), scope, fromMetrics);
  const ttft = usePromRange(ttftTargets(scene), scope, fromMetrics);
  const speed = usePromRange(useSpeedTargets(scene), scope, fromMetrics && ids.includes('speed'));
  const over = useTimeline(scene, { quantiles: true }, speeds.source === 'events').data?.series?.[0];
  const line = (q: typeof latency, i: number): Values | undefined => (fromMetrics && q.data !== undefined ? linesOf(q.data.targets, q.data.grid)[i]?.values : undefined);
  const make = useFigure(scene, { now: now.data, before: before.data, timeline: timeline.data, speeds, latency: line(latency, 1) ?? over?.latency_seconds?.p95, ttft: line(ttft, 1) ?? over?.ttft_seconds?.p95, speed: line(speed, 0) });
  const failed = now.data === undefined ? now.error : timeline.data === undefined ? timeline.error : undefined;
  if (failed) return <Failure error={failed} retry={() => { void now.refetch(); void timeline.refetch(); }} />;
  return (
    <section aria-label={t('figures')} className={classes.figures} style={{ '--count': ids.length } as React.CSSProperties}>
      {ids.map((id) => {
        const props = make(id);
        return props === undefined ? <Skeleton key={id} height={112} radius="md" /> : <Stat key={id} {...props} />;
      })}
    </section>
  );
}

interface Known {
  now: ReturnType<typeof useTotals>['now']['data'];
  before: ReturnType<typeof useTotals>['before']['data'];
  timeline: ReturnType<typeof useTimeline>['data'];
  speeds: ReturnType<typeof useSpeeds>;
  latency?: Values;
  ttft?: Values;
  speed?: Values;
}

/** Ratios near 1 above a little less than their least: beside 0 they would all look the same. */
function above(values: Values): Values {
  const low = Math.min(...values.filter((v) => v !== null), 1);
  const base = low - (1 - low) * 0.15;
  return values.map((v) => (v === null ? null : v - base));
}

/** What a figure shows; undefined while it is not there yet. */
function useFigure(scene: Scene, k: Known): (id: FigureID) => StatProps | undefined {
  const t = messages.useT();
  const c = common.useT();
  const tl = k.timeline;
  const calls = column(tl, 'calls');
  const unpriced = k.now?.by_state?.unpriced?.calls ?? 0;
  const estimated = k.now?.by_state?.estimated?.cost_usd ?? 0;
  const count = total(calls);
  const cost = total(column(tl, 'cost_usd'));
  const was = k.before;
  const priced = (x: typeof was) => (x?.calls ?? 0) - (x?.by_state?.unpriced?.calls ?? 0);
  const step = (values: number[]) => perSecond(values, tl === undefined ? [] : seconds(tl), tl?.step_seconds ?? 1, scene.range.from / 1000, scene.range.to / 1000);
  const speed = k.speeds.now;
  const speedBefore = k.speeds.before;
  const known = (n: number) => (count > 0 ? n : undefined);
  const unpricedNote = unpriced > 0 ? t('unpricedNote', { count: unpriced, share: percent(unpriced / Math.max(count, unpriced)) }) : estimated > 0 ? t('estimatedNote', { share: percent(estimated / (k.now?.cost_usd ?? estimated)) }) : known(1) && t('allPriced');
  return (id) => {
    if (id === 'latency' || id === 'ttft' || id === 'speed') {
      if (speed === undefined && k.speeds.error === null) return undefined;
      if (id === 'latency') return { title: t('latencyP95'), description: t('latencyAbout'), value: speed?.latency, before: speedBefore?.latency, unit: 'seconds', better: 'less', values: k.latency, note: t('medianNote', { value: duration(speed?.medianLatency) }), to: callsLink(scene.choice, { order: 'slowest' }) };
      if (id === 'ttft') return { title: t('ttftP95'), description: t('ttftAbout'), value: speed?.ttft, before: speedBefore?.ttft, unit: 'seconds', better: 'less', values: k.ttft, note: t('medianNote', { value: duration(speed?.medianTTFT) }), to: callsLink(scene.choice, { order: 'slowest' }) };
      const rate = (tpot: number | undefined) => (tpot === undefined || tpot <= 0 ? undefined : 1 / tpot);
      return { title: `${t('speed')} (tok/s)`, description: t('speedAbout'), value: rate(speed?.tpot), before: rate(speedBefore?.tpot), unit: 'count', better: 'more', values: k.speed, note: t('tpotNote', { value: duration(speed?.tpot) }) };
    }
    if (tl === undefined || k.now === undefined) return undefined;
    switch (id) {
      case 'requests': return { title: c('requests'), description: t('requestsAbout'), value: count, before: was?.calls, unit: 'count', values: step(calls), note: t('rateNote', { count: exact(count), rate: short(count / scene.range.seconds) }), to: callsLink(scene.choice) };
      case 'success': {
        const errors = total(column(tl, 'errors'));
        const rate = errors / Math.max(1, count);
        return { title: t('success'), description: t('successAbout'), value: known(1 - rate), before: was === null || was === undefined ? undefined : 1 - was.errors / Math.max(1, was.calls), unit: 'ratio', better: 'more', level: count === 0 ? undefined : rate >= 0.05 ? 'critical' : rate >= 0.01 ? 'warning' : undefined, values: above(quotient(calls.map((n, i) => n - (column(tl, 'errors')[i] ?? 0)), calls)), note: t('failedNote', { count: errors }), to: callsLink(scene.choice, { status: 'error' }) };
      }
      case 'tokens': {
        const input = column(tl, 'input_tokens');
        const output = column(tl, 'output_tokens');
        return { title: c('tokens'), description: t('tokensAbout'), value: known(total(input) + total(output)), before: was === null || was === undefined ? undefined : was.input_tokens + was.output_tokens, unit: 'tokens', values: step(input.map((n, i) => n + (output[i] ?? 0))), note: t('tokenNote', { input: short(total(input)), output: short(total(output)) }), to: callsLink(scene.choice, { order: 'most_tokens' }) };
      }
      case 'cost': return { title: c('cost'), description: t('costAbout'), value: count > 0 && count === unpriced ? undefined : known(cost), before: was?.cost_usd, unit: 'usd', values: step(column(tl, 'cost_usd')), note: unpricedNote, to: '/cost' };
      case 'cost_per_call': {
        const n = count - unpriced;
        return { title: t('costPerCall'), description: t('costPerCallAbout'), value: n > 0 ? cost / n : undefined, before: was && priced(was) > 0 ? was.cost_usd / priced(was) : undefined, unit: 'usd', better: 'less', values: quotient(column(tl, 'cost_usd'), calls), note: t('ofPriced', { count: format(n, 'count') }), to: callsLink(scene.choice, { order: 'costliest' }) };
      }
      case 'unpriced': return { title: t('unpricedCalls'), description: t('unpricedAbout'), value: known(unpriced / Math.max(1, count)), before: was && was.calls > 0 ? 1 - priced(was) / was.calls : undefined, unit: 'ratio', better: 'less', level: unpriced / Math.max(1, count) >= 0.05 ? 'warning' : undefined, note: c('callCount', { count: unpriced }), to: '/cost' };
      case 'cached': {
        const share = (x: typeof was) => (x && x.input_tokens > 0 ? (x.cache_read_tokens ?? 0) / x.input_tokens : undefined);
        return { title: t('cached'), description: t('cachedAbout'), value: share(k.now), before: share(was), unit: 'ratio', better: 'more', note: `${short(k.now?.cache_read_tokens ?? undefined)} ${c('tokens')}` };
      }
    }
  };
}

