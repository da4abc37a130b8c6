import { expect, test } from 'vitest';
import { columnsOf, condition, effective, grid, hasTopLevelOr, includes, levelOf, lineAfter, merge, plusNano, shapeOf, split, toggle } from './logs';

test('logs only, unless the query or the switch says otherwise', () => {
  expect(effective('', false).text).toBe('kind:log');
  expect(effective('error or warn', false).text).toBe('kind:log (error or warn)');
  expect(effective('kind:span service:a', false).text).toBe('kind:span service:a');
  expect(effective('* | stats count() n', false).text).toBe('kind:log | stats count() n');
  expect(effective('* | stats count() n', true).text).toBe('* | stats count() n');
  expect(effective('mykind:x', false).text).toBe('kind:log mykind:x');
});

test('conditions are added, taken away and turned', () => {
  expect(toggle('', 'service', 'a"b', false)).toBe('service:="a\\"b"');
  expect(toggle('a or b', 'level', 'error', true)).toBe('(a or b) -level:="error"');
  expect(toggle('x level:="error"', 'level', 'error', false)).toBe('x');
  expect(toggle('x -level:="error" y', 'level', 'error', false)).toBe('x y level:="error"');
  expect(toggle('* | stats count() n', 'level', 'error', false)).toBe('level:="error" | stats count() n');
  expect(toggle('level:="error" | limit 1', 'level', 'error', false)).toBe('* | limit 1');
  expect(condition('a b', '', true)).toBe('-"a b":""');
  expect(includes('x -level:="error"', 'level', 'error', true)).toBe(true);
  expect(includes('x -level:="error"', 'level', 'error', false)).toBe(false);
});

test('or within quotes and brackets does not count', () => {
  expect(hasTopLevelOr('a or b')).toBe(true);
  expect(hasTopLevelOr('(a or b) c')).toBe(false);
  expect(hasTopLevelOr('"a or b" order for')).toBe(false);
});

test('pipes that make a table', () => {
  expect(shapeOf(split('x | stats by (a) count() n | sort by (n desc)').pipes)).toEqual({ table: true, paged: false, stats: true });
  expect(shapeOf(split('x | fields _time, _msg').pipes)).toEqual({ table: false, paged: true, stats: false });
  expect(shapeOf(split('x | sort by (_time)').pipes).paged).toBe(false);
});

test('levels of all senders', () => {
  expect(levelOf({ level: 'WARNING' })).toBe('warn');
  expect(levelOf({ severity: 'Critical' })).toBe('fatal');
  expect(levelOf({ level: 'notice' })).toBe('info');
  expect(levelOf({ status: 'error' })).toBe('error');
  expect(levelOf({})).toBeUndefined();
});

test('pages meet without a gap and without doubles', () => {
  expect(plusNano('2026-01-02T03:04:05.5Z')).toBe('2026-01-02T03:04:05.500000001Z');
  expect(plusNano('2026-01-02T03:04:05.999999999Z')).toBe('2026-01-02T03:04:06.000000000Z');
  expect(plusNano('2026-01-02T03:04:05Z')).toBe('2026-01-02T03:04:05.000000001Z');
  expect(merge([[{ id: 'a' }, { id: 'b' }], [{ id: 'b' }, { id: 'c' }]]).map((r) => r.id)).toEqual(['a', 'b', 'c']);
});

test('hits fill the grid', () => {
  const h = { hits: [{ fields: { level: 'info' }, timestamps: ['1970-01-01T00:01:00Z', '1970-01-01T00:03:00Z'], values: [4, 5], total: 9 }] };
  expect(grid(h, 'level', 70, 230, 60)).toEqual({ times: [60, 120, 180], series: [{ name: 'info', values: [4, 0, 5], total: 9 }] });
});

test('columns of a table', () => {
  expect(columnsOf([{ n: '1', service: 'a', _time: 't' }, { n: '2.5e3', service: '7x', _time: 't' }])).toEqual([{ name: '_time', numeric: false }, { name: 'service', numeric: false }, { name: 'n', numeric: true }]);
});

test('keys lead from line to line and stay inside', () => {
  expect(['j', 'ArrowDown', 'k', 'ArrowUp', 'PageDown', 'PageUp', 'Home', 'End', 'Enter'].map((k) => lineAfter(k, 20, 100))).toEqual([21, 21, 19, 19, 35, 5, 0, 99, undefined]);
  expect(lineAfter('j', 99, 100)).toBe(99);
  expect(lineAfter('PageUp', 3, 100)).toBe(0);
  expect(lineAfter('End', 0, 0)).toBeUndefined();
});
