import { expect, test } from 'vitest';
import { rulesOf } from './judgements';

test('patterns are rules, judges are not', () => {
  const rules = rulesOf(['refusal', 'no-competitor', 'faithfulness'], ['faithfulness']);
  expect(rules.has('no-competitor')).toBe(true);
  expect(rules.has('faithfulness')).toBe(false);
  expect(rules.has('empty')).toBe(true); // not seen yet, and a rule all the same
  expect(rules.has('user')).toBe(false);
});
