import { expect, test } from 'vitest';
import { drilled, nextBy, parseStep, writeStep, type Step } from './drill';

test('steps survive the URL, whatever is in a value', () => {
  const steps: Step[] = [{ by: 'model', values: { model: 'a=b,c "d"' } }, { by: 'user', values: { user: '' } }, { by: 'prompt_name,prompt_version', values: { prompt_name: 'p,"q"', prompt_version: '7' } }];
  for (const s of steps) expect(parseStep(writeStep(s))).toEqual(s);
  expect(parseStep('nothing')).toBeUndefined();
  expect(parseStep('a,b=["x"]')).toBeUndefined();
  expect(parseStep('a,b=x')).toBeUndefined();
});

test('steps narrow the filters', () => {
  expect(drilled({ service: 's' }, [{ by: 'model', values: { model: 'm' } }, { by: 'prompt_name,prompt_version', values: { prompt_name: 'p', prompt_version: '7' } }])).toEqual({ service: 's', model: 'm', prompt_name: 'p', query: 'prompt_version:="7"' });
});

test('the next dimension is one that is not decided', () => {
  expect(nextBy([{ by: 'model', values: { model: 'm' } }], {})).toBe('service');
  expect(nextBy([{ by: 'model', values: { model: 'm' } }], { service: 's' })).toBe('feature');
  expect(nextBy([{ by: 'model', values: {} }, { by: 'service', values: {} }, { by: 'feature', values: {} }, { by: 'user', values: {} }], {})).toBe('session');
});
