// All that is drawn of one call, made once.

import type { Call } from '~/api/types';
import { decodeTimeline, none, TimelineError, type Ticks } from './decode';
import { streamStats, type StreamStats } from './stats';
import { script, tokensPerByte, type Script } from './text';

export interface StreamModel {
  call: Call;
  ticks: Ticks;
  stats: StreamStats;
  script: Script;
  /** To turn bytes into tokens; absent where the output tokens are not known. */
  tokensPerByte?: number;
  duration: number;
  ttft?: number;
  /** Why there are no ticks. */
  missing?: 'no_stream' | 'no_timeline' | TimelineError['reason'];
  /** Chunks that came after those that the timeline holds. */
  lost: number;
}

export function streamModel(call: Call): StreamModel {
  let ticks = none;
  let missing: StreamModel['missing'];
  try {
    ticks = decodeTimeline(call.timeline ?? '');
    if (ticks.at.length === 0) missing = call.stream === true ? 'no_timeline' : 'no_stream';
  } catch (e) {
    if (!(e instanceof TimelineError)) throw e;
    missing = e.reason;
  }
  const stats = streamStats(ticks, call.ttft_seconds);
  const text = script(call.output);
  return {
    call, ticks, stats, script: text, missing,
    tokensPerByte: tokensPerByte(call, ticks.at.length, stats.contentBytes, text),
    // An axis has a length, even that of a call that took no time.
    duration: Math.max(call.duration_seconds, stats.last ?? 0, 1e-4),
    ttft: call.ttft_seconds ?? stats.firstContent,
    lost: Math.max(0, (call.chunks ?? 0) - ticks.at.length),
  };
}
