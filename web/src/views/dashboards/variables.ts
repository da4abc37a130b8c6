// The variables of a dashboard: what is chosen is in the URL under the variable's name.

import { useQueries } from '@tanstack/react-query';
import { expand, prom } from '~/api/prom';
import { parseDuration } from '~/state/time';
import { useParams } from '~/state/url';
import type { Chosen, Variable } from '~/ui/prom/definition';

/** What is chosen for each variable; where nothing is, a list has its default and labels have all values. */
export function chosenOf(variables: readonly Variable[], params: URLSearchParams): Chosen {
  return Object.fromEntries(
    variables.map((v) => {
      const inURL = params.getAll(v.name).filter((x) => x !== '');
      if (v.kind === 'label') return [v.name, v.multi ? inURL : inURL.slice(0, 1)];
      return [v.name, inURL.length > 0 ? inURL.slice(0, 1) : v.default === undefined ? [] : [v.default]];
    }),
  );
}

/** The narrowest step, from the variable interval. */
export function minStep(chosen: Chosen): number | undefined {
  const text = chosen.interval?.[0];
  return text === undefined ? undefined : parseDuration(text);
}

/** Those that a reader of Pitot chooses: its data sources are itself. */
export function choosable(variables: readonly Variable[]): Variable[] {
  return variables.filter((v) => !v.hidden && (v.kind === 'label' || v.kind === 'custom'));
}

export function useChosen(variables: readonly Variable[]): [Chosen, (name: string, values: string[]) => void] {
  const [params, set] = useParams();
  return [chosenOf(variables, params), (name, values) => set({ [name]: values }, { push: true })];
}

/** The values that label variables offer. */
export function useOptions(variables: readonly Variable[], chosen: Chosen, range: { from: number; to: number }): Map<string, string[]> {
  const labels = variables.filter((v) => v.kind === 'label').map((v) => ({ name: v.name, from: v.from ?? v.name, selector: expand(v.selector ?? '', chosen, { step: 60, range: 3600 }) }));
  // Two variables may offer the same values.
  const keyOf = (l: { from: string; selector: string }) => `${l.from} ${l.selector}`;
  const asked = [...new Map(labels.map((l) => [keyOf(l), l])).values()];
  // Options need not follow each refresh.
  const start = Math.floor(range.from / 300_000) * 300;
  const end = Math.ceil(range.to / 300_000) * 300;
  return useQueries({
    queries: asked.map((l) => ({
      queryKey: ['label-values', l.from, l.selector, start, end],
      queryFn: async ({ signal }: { signal: AbortSignal }) => (await prom<string[]>(`/label/${encodeURIComponent(l.from)}/values`, { 'match[]': l.selector, start, end }, signal)).data,
      staleTime: 60_000,
    })),
    combine: (answers) => new Map(labels.map((l) => [l.name, answers[asked.findIndex((a) => keyOf(a) === keyOf(l))]?.data ?? []])),
  });
}
