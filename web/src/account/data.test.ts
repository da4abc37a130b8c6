import { expect, test } from 'vitest';
import { may, returnPath } from './data';

test('the way back stays on this origin', () => {
  expect(returnPath({ pathname: '/calls/1', search: '?start=-1h' })).toBe('/calls/1?start=-1h');
  expect(returnPath({ pathname: '//evil.example/x', search: '' })).toBe('/');
  expect(returnPath({ pathname: '/\\evil.example', search: '' })).toBe('/');
  expect(returnPath({ pathname: '/login', search: '?error=x' })).toBe('/');
});

test('permissions are those of the user, and all where nobody must log in', () => {
  const user = { name: 'v', kind: 'user' as const, roles: ['viewer'], permissions: ['read'], tenant: '', tenants: [''], session: true };
  expect(may({ enabled: true, user }, 'read')).toBe(true);
  expect(may({ enabled: true, user }, 'content')).toBe(false);
  expect(may({ enabled: true }, 'read')).toBe(false);
  expect(may({ enabled: false }, 'admin')).toBe(true);
});
