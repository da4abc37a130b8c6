import { meaning, type Scheme } from '~/chart/palette';
import type { PhaseName } from './phases';

const light: Record<PhaseName, string> = {
  client: '#495057', gateway: '#5f3dc4', connect: '#3b5b8c', network: '#1971c2', queue: '#b35c00', network_and_queue: '#846000', load: '#ae3ec9', prefill: '#2b8a3e', decode: '#0b7285', stalls: '#c92a2a', tail: '#868e96',
};

const dark: Record<PhaseName, string> = {
  client: '#adb5bd', gateway: '#9775fa', connect: '#91a7ff', network: '#4dabf7', queue: '#ffa94d', network_and_queue: '#fcc419', load: '#da77f2', prefill: '#51cf66', decode: '#3bc9db', stalls: '#ff8787', tail: '#868e96',
};

export function phaseColour(p: PhaseName, scheme: Scheme): string {
  return (scheme === 'dark' ? dark : light)[p];
}

/** What is drawn with, by theme. */
export function ink(scheme: Scheme) {
  const m = meaning[scheme];
  return {
    tick: m.output,
    empty: m.muted,
    speed: m.input,
    stall: m.critical,
    ttft: scheme === 'dark' ? '#ffd43b' : '#846000',
    grid: m.grid,
    axis: m.axis,
    text: scheme === 'dark' ? '#e9ecef' : '#212529',
    paper: scheme === 'dark' ? '#242424' : '#ffffff',
    playhead: scheme === 'dark' ? '#f783ac' : '#c2255c',
    cursor: m.axis,
  };
}

export type Ink = ReturnType<typeof ink>;
