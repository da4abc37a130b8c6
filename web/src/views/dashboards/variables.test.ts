import { expect, test } from 'vitest';
import type { Variable } from '~/ui/prom/definition';
import { choosable, chosenOf, minStep } from './variables';

const label = { en: '', zh: '' };
const variables: Variable[] = [
  { name: 'service', kind: 'label', label, multi: true },
  { name: 'trace_service', kind: 'label', label },
  { name: 'interval', kind: 'custom', label, values: ['15s', '1m'], default: '15s' },
  { name: 'pitot', kind: 'text', label, default: 'http://x', hidden: true },
  { name: 'datasource', kind: 'datasource', label },
];

test('what is chosen', () => {
  const chosen = chosenOf(variables, new URLSearchParams('service=a&service=b&trace_service=x&trace_service=y&interval=1m'));
  expect(chosen).toEqual({ service: ['a', 'b'], trace_service: ['x'], interval: ['1m'], pitot: ['http://x'], datasource: [] });
  expect(minStep(chosen)).toBe(60);
  expect(chosenOf(variables, new URLSearchParams())).toMatchObject({ service: [], trace_service: [], interval: ['15s'] });
});

test('what can be chosen', () => {
  expect(choosable(variables).map((v) => v.name)).toEqual(['service', 'trace_service', 'interval']);
});
