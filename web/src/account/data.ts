// Who is looking, and how to log in.

import { useQuery, type Query, type QueryClient } from '@tanstack/react-query';
import { get } from '~/api/client';

export interface Account {
  name: string;
  kind: 'user' | 'key' | 'open';
  roles: string[];
  permissions: string[];
  tenant: string;
  tenants: string[];
  session: boolean;
}

export interface AuthReport {
  /** False where nobody must log in. */
  enabled: boolean;
  password?: boolean;
  /** Name of the provider through which one can log in. */
  oidc?: string;
  user?: Account;
}

export const authKey = ['auth'] as const;

export function useAuth() {
  return useQuery({ queryKey: authKey, queryFn: ({ signal }) => get<AuthReport>('/auth', {}, signal), staleTime: 60_000 });
}

/**
 * Takes what a login, a logout or the choice of a tenant answered. What was shown
 * to somebody else, or of another tenant, is not shown again.
 */
export function take(client: QueryClient, next: AuthReport): void {
  const others = { predicate: (q: Query) => q.queryKey[0] !== authKey[0] };
  client.setQueryData(authKey, next);
  if (next.user === undefined) client.removeQueries(others);
  else void client.resetQueries(others);
}

/** Says whether who is looking has a permission; everybody has where nobody must log in. */
export function may(report: AuthReport | undefined, permission: string): boolean {
  return report === undefined || !report.enabled || (report.user?.permissions.includes(permission) ?? false);
}

/**
 * The place to come back to after a login at a provider: a path of this origin,
 * or the front page for anything else.
 */
export function returnPath(location: { pathname: string; search: string }): string {
  const path = location.pathname + location.search;
  if (!path.startsWith('/') || path.startsWith('//') || path.startsWith('/\\') || location.pathname === '/login') return '/';
  return path;
}
