// Scores of groups of calls against a baseline, with the server's verdicts.

import { Group, Select, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { get } from '~/api/client';
import { useJudged } from '~/api/judgements';
import type { Comparison as Answer } from '~/api/types';
import { IntervalPlot } from '~/chart/IntervalPlot';
import { colours } from '~/chart/palette';
import { useScheme } from '~/chart/TimeChart';
import { count, format } from '~/format/number';
import { useTime } from '~/state/time';
import { useParam, useParams } from '~/state/url';
import { curl } from '~/ui/Copy';
import { Link } from '~/ui/Link';
import { Panel } from '~/ui/Panel';
import { Empty, States } from '~/ui/states';
import { dimensionName, groupName, pathWith, within } from '~/ui/dimensions';
import { keyOf, measureOf, type Row } from '~/views/models/measures';
import { intervalText, Verdict, verdictText } from '~/views/models/Verdict';
import { models } from '~/views/models/messages';
import { useQuality } from './data';
import { quality } from './messages';

const dimensions = ['prompt_name,prompt_version', 'model', 'feature', 'service', 'provider', 'model,prompt_version', 'operation', 'environment', 'tags.team'] as const;

/** Judgements and calls have these filters in common. */
const shared = ['service', 'provider', 'model', 'operation', 'feature', 'prompt_name', 'session', 'trace_id'] as const;

export default function Comparison() {
  const t = quality.useT();
  const m = models.useT();
  const [, set] = useParams();
  const { api } = useTime();
  const { chosen } = useQuality();
  const [by] = useParam('compare', 'prompt_name,prompt_version');
  const [baseline] = useParam('baseline');
  const { list, settled } = useJudged(api);
  const names = [...new Set(list.filter((j) => !j.rule && j.name !== '').map((j) => j.name))];
  const judgement = chosen.filters['name'] ?? names[0];
  const filters = Object.fromEntries(shared.flatMap((k) => (chosen.filters[k] === undefined ? [] : [[k, chosen.filters[k]]]))) as Record<string, string>;
  const params = { ...filters, ...api, by, baseline, judgement, limit: 30 };
  const query = useQuery({ queryKey: ['compare', params], queryFn: ({ signal }) => get<Answer>('/compare', params, signal), enabled: settled && judgement !== undefined, placeholderData: (was) => (was?.by.join() === by ? was : undefined) });
  const dims = by.split(',');
  const rows: Row[] = (query.data?.groups ?? []).map((group) => ({ key: keyOf(group.values, dims), name: groupName(group.values, dims), group }));
  const scored = rows.filter((r) => r.group.quality !== undefined).sort((a, b) => (a.group.quality?.value ?? 0) - (b.group.quality?.value ?? 0));
  const palette = colours(scored.map((r) => r.name), useScheme());
  const measure = measureOf('quality');
  const base = query.data?.baseline === undefined ? undefined : groupName(query.data.baseline, dims);
  return (
    <Panel
      title={t('compare')} description={t('compareHelp')} busy={query.isFetching} curl={curl('/compare', params)}
      actions={(
        <Group gap="xs" wrap="wrap" justify="flex-end">
          <Select size="xs" w={180} aria-label={t('compareOf')} data={dimensions.map((d) => ({ value: d, label: dimensionName(d) }))} value={by} onChange={(v) => set({ compare: v, baseline: null }, { push: true })} allowDeselect={false} />
          <Select size="xs" w={200} aria-label={t('baseline')} data={[{ value: '', label: t('busiest', { name: [...rows].sort((a, b) => b.group.calls - a.group.calls)[0]?.name ?? '–' }) }, ...rows.map((r) => ({ value: r.key, label: r.name }))]} value={baseline} onChange={(v) => set({ baseline: v }, { push: true })} allowDeselect={false} searchable />
        </Group>
      )}
    >
      {settled && judgement === undefined ? <Empty title={t('noQuality')} hint={list.length > 0 ? t('chooseJudgement') : t('noQualityHint')} /> : (
        <States query={query} height={240} empty={() => scored.length === 0} emptyState={<Empty title={t('noQuality')} hint={t('noQualityHint')} />}>
          {() => (
            <Stack gap={6}>
              <Text size="xs" c="dimmed">{t('judgement')}: <b>{judgement}</b></Text>
              <IntervalPlot
                unit="score" end={1} label={t('compare')}
                rows={scored.map((r) => {
                  const q = r.group.quality;
                  return {
                    key: r.key, colour: palette.get(r.name) ?? '#888', baseline: r.group.is_baseline, marks: q === undefined ? [] : [q],
                    name: <Link to={pathWith('/calls', within(filters, r.group.values))} size="sm" truncate>{r.name}</Link>,
                    label: m('rowLabel', { name: r.name, measure: t('meanScore'), value: format(q?.value, 'score'), interval: intervalText(q, measure, m), verdict: verdictText(r, measure, m, base !== undefined) }),
                    value: <><Text span size="sm" fw={600}>{format(q?.value, 'score')}</Text><Text size="xs" c="dimmed" component="div">{intervalText(q, measure, m)}</Text></>,
                    verdict: <><Verdict row={r} measure={measure} baseline={base} /><Text size="xs" c="dimmed" component="div">{t('scored', { n: count(q?.count ?? 0) })}</Text></>,
                  };
                })}
              />
              <Link to={pathWith('/models', { ...filters, by, measure: 'quality', judgement: judgement ?? '' })} size="xs">{t('moreMeasures')} ({count(rows.length)})</Link>
            </Stack>
          )}
        </States>
      )}
    </Panel>
  );
}
