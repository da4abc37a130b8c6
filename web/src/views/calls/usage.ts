// What the tokens of a call are made of. Input includes cache reads and writes,
// output includes reasoning: the parts add up to the whole.

import type { Usage } from '~/api/types';

export type PartName = 'fresh' | 'cache_read' | 'cache_write' | 'input_audio' | 'answer' | 'reasoning' | 'output_audio';

export interface UsagePart {
  name: PartName;
  side: 'input' | 'output';
  tokens: number;
}

/** The parts that are known; none where the whole is not. A part larger than the whole is not believed. */
export function usageParts(u: Usage): UsagePart[] {
  const out: UsagePart[] = [];
  if (u.input_tokens !== undefined) {
    const read = u.cache_read_tokens ?? 0;
    const write = u.cache_write_tokens ?? 0;
    const audio = Math.max(0, (u.input_audio_tokens ?? 0) - (u.cache_read_audio_tokens ?? 0));
    const rest = u.input_tokens - read - write - audio;
    if (rest < 0) out.push({ name: 'fresh', side: 'input', tokens: u.input_tokens });
    else out.push({ name: 'cache_read', side: 'input', tokens: read }, { name: 'cache_write', side: 'input', tokens: write }, { name: 'input_audio', side: 'input', tokens: audio }, { name: 'fresh', side: 'input', tokens: rest });
  }
  if (u.output_tokens !== undefined) {
    const reasoning = u.reasoning_tokens ?? 0;
    const audio = u.output_audio_tokens ?? 0;
    const rest = u.output_tokens - reasoning - audio;
    if (rest < 0) out.push({ name: 'answer', side: 'output', tokens: u.output_tokens });
    else out.push({ name: 'reasoning', side: 'output', tokens: reasoning }, { name: 'output_audio', side: 'output', tokens: audio }, { name: 'answer', side: 'output', tokens: rest });
  }
  return out.filter((p) => p.tokens > 0);
}
