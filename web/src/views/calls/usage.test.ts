import { expect, test } from 'vitest';
import { usageParts } from './usage';

test('parts add up to the whole', () => {
  const parts = usageParts({ source: 'reported', input_tokens: 7432, cache_read_tokens: 128, cache_write_tokens: 3584, output_tokens: 258, reasoning_tokens: 100 });
  expect(parts).toEqual([
    { name: 'cache_read', side: 'input', tokens: 128 }, { name: 'cache_write', side: 'input', tokens: 3584 }, { name: 'fresh', side: 'input', tokens: 3720 },
    { name: 'reasoning', side: 'output', tokens: 100 }, { name: 'answer', side: 'output', tokens: 158 },
  ]);
});

test('what is unknown has no parts, and parts larger than the whole are not believed', () => {
  expect(usageParts({ source: 'unknown' })).toEqual([]);
  expect(usageParts({ source: 'reported', output_tokens: 10, cache_read_tokens: 5 })).toEqual([{ name: 'answer', side: 'output', tokens: 10 }]);
  expect(usageParts({ source: 'reported', input_tokens: 10, cache_read_tokens: 50 })).toEqual([{ name: 'fresh', side: 'input', tokens: 10 }]);
});
