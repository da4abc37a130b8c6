import { expect, test } from 'vitest';
import { remembered } from './history';

test('the newest first, each once, bounded', () => {
  expect(remembered(['a', 'b'], ' b ')).toEqual(['b', 'a']);
  expect(remembered(['a'], '  ')).toEqual(['a']);
  expect(remembered(Array.from({ length: 60 }, (_, i) => `q${i}`), 'x')).toHaveLength(60);
});
