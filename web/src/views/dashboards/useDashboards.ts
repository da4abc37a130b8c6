import { useQuery } from '@tanstack/react-query';
import { get } from '~/api/client';
import type { Dashboard } from '~/ui/prom/definition';

/** The definitions change with a new version of the server only. */
export function useDashboards() {
  return useQuery({
    queryKey: ['dashboards'],
    queryFn: async ({ signal }) => (await get<{ dashboards: Dashboard[] }>('/dashboards', {}, signal)).dashboards,
    staleTime: 10 * 60_000,
  });
}
