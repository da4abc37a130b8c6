// GPUs: what each does now, and what it did.

import type { Sample, Series } from '~/api/prom';
import { place, type Grid } from '~/ui/prom/data';

const by = 'host, gpu_id, uuid, name, pod, gpu_instance';

export const gpuMeasures = {
  utilization: `max by (${by}) (llm_gpu_utilization_percent)`,
  used: `max by (${by}) (llm_gpu_memory_used_bytes)`,
  total: `max by (${by}) (llm_gpu_memory_total_bytes)`,
  power: `max by (${by}) (llm_gpu_power_watts)`,
  temperature: `max by (${by}) (llm_gpu_temperature_celsius)`,
} as const;
type GPUMeasure = keyof typeof gpuMeasures;

export interface GPU {
  key: string;
  host: string;
  id: string;
  name: string;
  pod: string;
  /** Of a part of a GPU (MIG). */
  instance: string;
  now: Partial<Record<GPUMeasure, number>>;
  /** Utilization over the range. */
  history: (number | null)[];
}

const keyOf = (m: Record<string, string>) => JSON.stringify([m.host ?? '', m.gpu_id ?? '', m.uuid ?? '', m.gpu_instance ?? '']);

/** The GPUs of the answers, by host and number. */
export function gpusOf(samples: readonly Sample[], history: readonly Series[], grid: Grid): GPU[] {
  const gpus = new Map<string, GPU>();
  const at = (m: Record<string, string>): GPU => {
    const key = keyOf(m);
    const g = gpus.get(key) ?? { key, host: m.host ?? '', id: m.gpu_id ?? '', name: m.name ?? '', pod: m.pod ?? '', instance: m.gpu_instance ?? '', now: {}, history: [] };
    gpus.set(key, g);
    return g;
  };
  for (const s of samples) {
    const value = Number(s.value?.[1]);
    const part = s.metric.pitot_part;
    if (part !== undefined && part in gpuMeasures && Number.isFinite(value)) at(s.metric).now[part as GPUMeasure] = value;
  }
  // A GPU that is gone by the end of the range is shown with what it did.
  for (const s of history) at(s.metric).history = place(s, grid);
  return [...gpus.values()].sort((a, b) => a.host.localeCompare(b.host) || a.id.localeCompare(b.id, undefined, { numeric: true }) || a.instance.localeCompare(b.instance));
}

export function mean(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((v) => v !== undefined);
  return known.length === 0 ? undefined : known.reduce((a, b) => a + b, 0) / known.length;
}
