import { expect, test } from 'vitest';
import { csvText } from './csv';

test('cells with commas, quotes and line breaks are quoted', () => {
  expect(csvText([['a', 'b'], ['1,5', 'say "hi"'], ['two\nlines', '']])).toBe('a,b\n"1,5","say ""hi"""\n"two\nlines",\n');
});

test('a text that a spreadsheet would run as a formula is a text; numbers stay numbers', () => {
  expect(csvText([['=HYPERLINK("http://198.51.100.1")', '+1-2', '@SUM(A1)', '＝1+1', '-rm', '\tx']])).toBe('"\'=HYPERLINK(""http://198.51.100.1"")",\'+1-2,\'@SUM(A1),\'＝1+1,\'-rm,\'\tx\n');
  expect(csvText([['-0.5', '+3', '-1e-7', '+Inf', '-Inf', '-']])).toBe("-0.5,+3,-1e-7,+Inf,-Inf,'-\n");
});
