import { expect, test } from 'vitest';
import { figureIDs, figuresOf, panelIDs, panelsOf, panelsText, roleOf, roles, shownPanels, toggled } from './view';

test('a role has its panels; the URL may have others', () => {
  expect(shownPanels('finance', null)).toEqual(panelsOf.finance);
  expect(shownPanels('finance', 'cost,nonsense,requests,cost')).toEqual(['cost', 'requests']);
  expect(shownPanels('all', 'none')).toEqual([]);
  expect(roleOf('on-call')).toBe('on-call');
  expect(roleOf('boss')).toBeUndefined();
});

test('what is the role’s own is not in the URL', () => {
  expect(panelsText('product', panelsOf.product)).toBeNull();
  expect(panelsText('product', ['quality'])).toBe('quality');
  expect(shownPanels('product', panelsText('product', []))).toEqual([]);
});

test('a panel comes back to its place', () => {
  const without = toggled('all', panelsOf.all, 'errors');
  expect(without).not.toContain('errors');
  expect(toggled('all', without, 'errors')).toEqual(panelsOf.all);
  expect(toggled('finance', panelsOf.finance, 'quality').at(-1)).toBe('quality');
});

test('every panel and figure is somewhere', () => {
  for (const p of panelIDs) expect(roles.some((r) => panelsOf[r].includes(p)), p).toBe(true);
  for (const f of figureIDs) expect(roles.some((r) => figuresOf[r].includes(f)), f).toBe(true);
});
