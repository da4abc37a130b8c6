import { expect, test } from 'vitest';
import { feedbackOf, type Judgement } from './judge';

const j = (o: Partial<Judgement>): Judgement => ({ about: '01M81DZ7F6Q488T5NYYMMJG44H', kind: '', score: '', name: '', label: '', comment: '', user: '', ...o });

test('a judgement says something about something', () => {
  expect(feedbackOf(j({ about: ' ' }))).toBe('needCall');
  expect(feedbackOf(j({}))).toBe('needSomething');
  expect(feedbackOf(j({ name: 'helpful' }))).toBe('needSomething');
  expect(feedbackOf(j({ kind: 'score', score: '' }))).toBe('needSomething');
  expect(feedbackOf(j({ kind: 'score', score: '1.2' }))).toBe('needSomething');
});

test('only what was said is sent', () => {
  expect(feedbackOf(j({ kind: 'down', label: 'ignored', comment: ' wrong ', user: 'u1' }))).toEqual({ call_id: '01M81DZ7F6Q488T5NYYMMJG44H', thumb: 'down', comment: 'wrong', user: 'u1' });
  expect(feedbackOf(j({ about: 'chatcmpl-1', kind: 'score', score: '0', name: 'correct', label: 'hallucination' }))).toEqual({ response_id: 'chatcmpl-1', score: 0, name: 'correct', label: 'hallucination' });
});
