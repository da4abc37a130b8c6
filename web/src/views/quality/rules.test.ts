import { expect, test } from 'vitest';
import { matchers, ruleExpressions, ruleTotals } from './rules';

test('what did not pass failed', () => {
  expect(ruleTotals(new Map([['refusal', 200.4], ['empty', 100], ['json', 0.2]]), new Map([['refusal', 180.36], ['empty', 100]]))).toEqual([
    { evaluator: 'refusal', judged: 200, failed: 20, share: expect.closeTo(0.1, 6) as number },
    { evaluator: 'empty', judged: 100, failed: 0, share: 0 },
  ]);
  // Extrapolation may make the sum a little more than the count.
  expect(ruleTotals(new Map([['a', 10]]), new Map([['a', 10.3]]))[0]?.share).toBe(0);
});

test('names are matched as they are', () => {
  expect(matchers({ model: 'a"b', user: 'u', operation: 'chat' }, ['no.x', 'empty'])).toBe('{evaluator=~"no\\\\.x|empty",model="a\\"b",method="chat"}');
});

test('exact counters without a filter, scores with one', () => {
  expect(ruleExpressions({ feature: 'x' }, ['a'], '1h', 'increase')).toEqual({ judged: 'sum by (evaluator) (increase(pitot_quality_judgements_total{evaluator=~"a"}[1h]))', passed: 'sum by (evaluator) (increase(pitot_quality_judgements_total{evaluator=~"a",result="pass"}[1h]))' });
  expect(ruleExpressions({ model: 'm' }, ['a'], '1h', 'rate').passed).toBe('sum by (evaluator) (rate(llm_response_quality_score_sum{evaluator=~"a",model="m"}[1h]))');
});
