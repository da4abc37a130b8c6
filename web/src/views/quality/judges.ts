import type { Sample } from '~/api/prom';

export type JudgeState = 'ok' | 'failing' | 'paused' | 'idle';

export interface JudgeStatus {
  name: string;
  ok: number;
  failed: number;
  paused: number;
  cost?: number;
  state: JudgeState;
}

const of = (samples: readonly Sample[], judge: string, result: string) => samples.filter((s) => s.metric['judge'] === judge && s.metric['result'] === result).reduce((a, s) => a + Number(s.value?.[1] ?? 0), 0);

/** How judges fare: counts of the range, and the state by what happened last. */
export function judgesOf(runs: readonly Sample[], recent: readonly Sample[], costs: readonly Sample[]): JudgeStatus[] {
  const names = [...new Set(runs.map((s) => s.metric['judge'] ?? ''))].sort();
  return names.map((name) => {
    const now = { ok: of(recent, name, 'ok'), failed: of(recent, name, 'failed'), paused: of(recent, name, 'paused') };
    const state: JudgeState = now.paused >= 0.5 ? 'paused' : now.failed >= 0.5 && now.failed >= now.ok ? 'failing' : now.ok >= 0.5 ? 'ok' : 'idle';
    const cost = costs.find((s) => s.metric['judge'] === name)?.value;
    return { name, ok: of(runs, name, 'ok'), failed: of(runs, name, 'failed'), paused: of(runs, name, 'paused'), cost: cost === undefined ? undefined : Number(cost[1]), state };
  });
}
