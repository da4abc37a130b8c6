import { expect, test } from 'vitest';
import { colours } from './palette';

test('a name keeps its colour, and no two of a chart share one', () => {
  const names = Array.from({ length: 12 }, (_, i) => `model-${i}`);
  const a = colours(names, 'light');
  expect(new Set(a.values()).size).toBe(12);
  expect(colours([...names].reverse(), 'light')).toEqual(a);
  expect(colours(['gpt-4o'], 'dark').get('gpt-4o')).toBe(colours(['gpt-4o', 'error'], 'dark').get('gpt-4o'));
  // More names than colours: all have one.
  expect(colours(Array.from({ length: 40 }, (_, i) => `m${i}`), 'dark').size).toBe(40);
});
