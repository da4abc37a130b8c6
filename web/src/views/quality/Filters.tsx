import { Group, NumberInput, Select } from '@mantine/core';
import { useJudged } from '~/api/judgements';
import { logsql } from '~/api/logsql';
import { useQuery } from '@tanstack/react-query';
import { useTime } from '~/state/time';
import { useParams } from '~/state/url';
import { CallFilters } from '~/ui/CallFilters';
import { chosenOf, everybody } from './filter';
import { quality } from './messages';

function useLabels(): string[] {
  const { api } = useTime();
  const q = useQuery({ queryKey: ['labels', api], queryFn: ({ signal }) => logsql('{kind="feedback"} label:* | stats by (label) count() n | sort by (n desc) | limit 100', { ...api, signal }), placeholderData: (was) => was, staleTime: 30_000 });
  return (q.data ?? []).map((r) => r['label'] ?? '').filter((l) => l !== '');
}

const withOwn = (values: string[], own: string) => [...new Set(own === '' ? values : [...values, own])];

/** Who judged what, and how; beside the filters that calls have. */
export function Filters({ kind }: { kind: 'all' | 'name' | 'calls' }) {
  const t = quality.useT();
  const [params, set] = useParams();
  const { api } = useTime();
  const { list } = useJudged(api);
  const labels = useLabels();
  const { min, max } = chosenOf(params);
  const chosen = (k: string) => params.get(k) ?? '';
  const rules = new Map(list.map((j) => [j.evaluator, j.rule]));
  const choose = (k: string) => (v: string | null) => set({ [k]: v }, { push: true });
  const bound = (k: 'min_score' | 'max_score', none: number) => (v: string | number) => set({ [k]: v === '' || Number(v) === none ? null : String(v) });
  return (
    <Group gap="xs" align="flex-end">
      {kind === 'all' && <Select size="xs" w={180} label={t('evaluator')} data={[{ value: '', label: t('anyPeople') }, { value: everybody, label: t('everybody') }, ...withOwn([...rules.keys()].filter((e) => e !== ''), chosen('evaluator') === everybody ? '' : chosen('evaluator')).map((e) => ({ value: e, label: rules.get(e) ? t('ruleNote', { name: e }) : e }))]} value={chosen('evaluator')} onChange={choose('evaluator')} allowDeselect={false} />}
      {kind !== 'calls' && <Select size="xs" w={160} label={t('judgement')} data={[{ value: '', label: t('any') }, ...withOwn([...new Set(list.map((j) => j.name).filter((n) => n !== ''))], chosen('name'))]} value={chosen('name')} onChange={choose('name')} allowDeselect={false} />}
      {kind === 'all' && (
        <>
          <Select size="xs" w={150} label={t('label')} data={[{ value: '', label: t('any') }, ...withOwn(labels, chosen('label'))]} value={chosen('label')} onChange={choose('label')} allowDeselect={false} searchable />
          <NumberInput size="xs" w={92} label={t('minScore')} min={0} max={1} step={0.1} decimalScale={2} clampBehavior="strict" value={min} onChange={bound('min_score', 0)} />
          <NumberInput size="xs" w={92} label={t('maxScore')} min={0} max={1} step={0.1} decimalScale={2} clampBehavior="strict" value={max} onChange={bound('max_score', 1)} />
        </>
      )}
      <CallFilters dimensions={kind === 'calls' ? ['service', 'model', 'provider', 'operation'] : ['service', 'model', 'prompt_name', 'feature', 'provider', 'operation']} />
    </Group>
  );
}
