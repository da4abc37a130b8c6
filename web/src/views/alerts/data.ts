// What the page asks: the rules of the Prometheus API, and the Alertmanager's API.

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo } from 'react';
import { request } from '~/api/client';
import { prom } from '~/api/prom';
import { useSettings } from '~/state/settings';
import { combine, type ManagerAlert, type RuleGroup } from './alerts';
import type { Silence } from './silence';

const manager = '/alertmanager/api/v2';

export function useRules(type?: 'alert' | 'record') {
  const { tick } = useSettings();
  return useQuery({
    queryKey: ['alerts', 'rules', type, tick],
    queryFn: async ({ signal }) => (await prom<{ groups: RuleGroup[] }>('/rules', { type }, signal)).data.groups,
    placeholderData: (was) => was,
  });
}

/** What the Alertmanager knows; silenced, inhibited and not yet processed alerts too. */
export function useManagerAlerts() {
  const { tick } = useSettings();
  return useQuery({
    queryKey: ['alerts', 'manager', tick],
    queryFn: async ({ signal }) => (await (await request(manager + '/alerts', { signal })).json()) as ManagerAlert[],
    placeholderData: (was) => was,
  });
}

export function useAlerts() {
  const rules = useRules('alert');
  const known = useManagerAlerts();
  const data = useMemo(() => (rules.data === undefined && known.data === undefined ? undefined : combine(rules.data ?? [], known.data ?? [])), [rules.data, known.data]);
  return {
    data: rules.isPending || known.isPending ? undefined : data,
    error: data === undefined ? (rules.error ?? known.error) : null,
    /** One of the two did not answer: what is shown is not all. */
    partial: data === undefined ? null : (rules.error ?? known.error),
    isPending: rules.isPending || known.isPending,
    refetch: () => {
      void rules.refetch();
      void known.refetch();
    },
  };
}

export function useSilences() {
  const { tick } = useSettings();
  return useQuery({
    queryKey: ['alerts', 'silences', tick],
    queryFn: async ({ signal }) => (await (await request(manager + '/silences', { signal })).json()) as Silence[],
    placeholderData: (was) => was,
  });
}

export type NewSilence = Pick<Silence, 'matchers' | 'startsAt' | 'endsAt' | 'createdBy' | 'comment'> & { id?: string };

export function useSilenceActions() {
  const client = useQueryClient();
  const again = () => Promise.all([client.invalidateQueries({ queryKey: ['alerts', 'silences'] }), client.invalidateQueries({ queryKey: ['alerts', 'manager'] })]);
  return {
    save: async (s: NewSilence) => {
      await request(manager + '/silences', { body: s });
      await again();
    },
    expire: async (id: string) => {
      await request(`${manager}/silence/${encodeURIComponent(id)}`, { method: 'DELETE' });
      await again();
    },
  };
}
