import { expect, test } from 'vitest';
import { chosenOf, feedbackParams, judgementQuery } from './filter';

test('the URL says what is looked at; what is no score is not taken', () => {
  expect(chosenOf(new URLSearchParams('evaluator=user&model=m&by=x&min_score=0.2&max_score=7'))).toEqual({ filters: { evaluator: 'user', model: 'm' }, min: 0.2, max: 1 });
  expect(chosenOf(new URLSearchParams('min_score=0.6&max_score=0.2'))).toMatchObject({ min: 0.6, max: 0.6 });
  expect(chosenOf(new URLSearchParams('max_score=0'))).toMatchObject({ min: 0, max: 0 });
});

const last = ' | format if (feedback_id:"") "<id>" as feedback_id | first 1 by (received desc) partition by (feedback_id)';

test('rules are left out of means, unless one is asked for', () => {
  const rules = new Set(['refusal', 'empty']);
  const q = (s: string, scores = true) => judgementQuery(chosenOf(new URLSearchParams(s)), rules, { scores });
  expect(q('')).toBe('{kind="feedback"} !evaluator:in("empty", "refusal")' + last);
  expect(q('evaluator=refusal&session=s"1')).toBe('{kind="feedback"} evaluator:="refusal" session_id:="s\\"1"' + last);
  expect(q('max_score=0.5&evaluator=user')).toBe('{kind="feedback"} evaluator:="user"' + last + ' | filter score:<=0.5');
  expect(q('label=thumbs_down&min_score=0.1&evaluator=user')).toBe('{kind="feedback"} evaluator:="user"' + last + ' | filter label:="thumbs_down" score:>=0.1');
  expect(q('max_score=0.5&evaluator=user', false)).not.toContain('score:<');
});

test("a person's query keeps to itself", () => {
  expect(judgementQuery(chosenOf(new URLSearchParams({ evaluator: 'u', query: 'a:1 or b:2' })), new Set(), { scores: true })).toContain(' (a:1 or b:2) |');
});

test('the list leaves rules out as the means do', () => {
  const p = (s: string) => feedbackParams(chosenOf(new URLSearchParams(s)), new Set(['refusal']));
  expect(p('model=m')).toEqual({ model: 'm', query: '!evaluator:in("refusal")' });
  expect(p('evaluator=*&model=m')).toEqual({ model: 'm' });
  expect(p('evaluator=user')).toEqual({ evaluator: 'user' });
  expect(judgementQuery(chosenOf(new URLSearchParams('evaluator=*')), new Set(['refusal']), { scores: true })).toBe('{kind="feedback"}' + last);
});
