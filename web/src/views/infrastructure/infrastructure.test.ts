import { expect, test } from 'vitest';
import { gpusOf, mean } from './gpus';
import { serverRows, totalOf } from './servers';

const sample = (metric: Record<string, string>, value: string) => ({ metric, value: [0, value] as [number, string] });

test('rows of servers', () => {
  const a = { server: 'vllm', model: 'm', instance: 'x:8000', job: 'vllm' };
  const rows = serverRows(
    [sample({ ...a, pitot_part: 'running' }, '7'), sample({ ...a, pitot_part: 'waiting' }, '0'), sample({ ...a, pitot_part: 'ttft' }, 'NaN'), sample({ server: 'sglang', model: 'n', instance: 'y', job: 's', pitot_part: 'running' }, '2')],
    [sample({ job: 'vllm', instance: 'x:8000' }, '1'), sample({ job: 's', instance: 'y' }, '0')],
  );
  expect(rows.map((r) => [r.server, r.up, r.values.running, r.values.waiting, r.values.ttft])).toEqual([['sglang', false, 2, undefined, undefined], ['vllm', true, 7, 0, undefined]]);
  expect(totalOf(rows, 'running')).toBe(9);
  expect(totalOf(rows, 'kv')).toBeUndefined();
});

test('GPUs by host and number, with their history', () => {
  const g = (host: string, gpu_id: string, more: Record<string, string> = {}) => ({ host, gpu_id, uuid: host + gpu_id, name: 'L40S', ...more });
  const gpus = gpusOf(
    [sample(g('b', '0', { pitot_part: 'power' }), '250'), sample(g('a', '10', { pitot_part: 'utilization' }), '50'), sample(g('a', '2', { pitot_part: 'utilization' }), '70'), sample(g('a', '2', { pitot_part: 'used' }), '1e9')],
    [{ metric: g('a', '2'), values: [[0, '1'], [60, '2']] }, { metric: g('c', '0'), values: [[60, '9']] }],
    { start: 0, end: 60, step: 60 },
  );
  expect(gpus.map((x) => `${x.host}${x.id}`)).toEqual(['a2', 'a10', 'b0', 'c0']);
  expect(gpus[0]).toMatchObject({ now: { utilization: 70, used: 1e9 }, history: [1, 2] });
  expect(gpus[3]).toMatchObject({ now: {}, history: [null, 9] });
  expect(mean([1, undefined, 3])).toBe(2);
  expect(mean([])).toBeUndefined();
});
