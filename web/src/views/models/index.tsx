// Models side by side, and whatever else calls can be grouped by. Nothing is
// called better or worse that noise could have made.

import { Alert, Button, Group, Select, Stack, Text, Title } from '@mantine/core';
import { IconInfoCircle } from '@tabler/icons-react';
import { useMemo } from 'react';
import { colours } from '~/chart/palette';
import { useScheme } from '~/chart/TimeChart';
import { common } from '~/i18n/common';
import { useTime } from '~/state/time';
import { useParams } from '~/state/url';
import { CallFilters } from '~/ui/CallFilters';
import { curl } from '~/ui/Copy';
import { Panel } from '~/ui/Panel';
import { dimensionName, groupName } from '~/ui/dimensions';
import { parseOrder } from '~/ui/useUrlSorted';
import { Empty, States } from '~/ui/states';
import { everyJudgement, groupings, useChoice, useComparison, useJudgement } from './data';
import { Detail } from './Detail';
import { inOrder, MeasuresTable } from './MeasuresTable';
import { models } from './messages';
import type { Row } from './measures';
import { OverTime } from './OverTime';
import { SideBySide } from './SideBySide';

function Controls({ rows }: { rows: Row[] }) {
  const t = models.useT();
  const [, set] = useParams();
  const { by, baseline } = useChoice();
  const { names, chosen } = useJudgement();
  const busiest = [...rows].sort((a, b) => b.group.calls - a.group.calls)[0];
  const choices = groupings.includes(by as (typeof groupings)[number]) ? groupings : [...groupings, by];
  return (
    <Group gap="xs" align="flex-end">
      <Select size="xs" w={190} label={t('groupBy')} data={choices.map((g) => ({ value: g, label: dimensionName(g) }))} value={by} onChange={(v) => set({ by: v === 'model' ? null : v, baseline: null, pick: null }, { push: true })} allowDeselect={false} maxDropdownHeight={420} />
      <Select size="xs" w={230} label={t('baseline')} data={[{ value: '', label: t('busiest', { name: busiest?.name ?? '–' }) }, ...rows.map((r) => ({ value: r.key, label: r.name })), ...(baseline !== '' && !rows.some((r) => r.key === baseline) ? [{ value: baseline, label: baseline }] : [])]} value={baseline} onChange={(v) => set({ baseline: v }, { push: true })} allowDeselect={false} searchable />
      {names.length > 0 && <Select size="xs" w={190} label={t('judgement')} data={[{ value: everyJudgement, label: t('allJudgements') }, ...names.map((n) => ({ value: n.name, label: n.rule ? t('failuresOnly', { name: n.name }) : n.name })), ...(chosen === undefined || chosen === everyJudgement || names.some((n) => n.name === chosen) ? [] : [chosen])]} value={chosen ?? null} placeholder="–" onChange={(v) => set({ judgement: v }, { push: true })} allowDeselect={false} />}
    </Group>
  );
}

export default function View() {
  const t = models.useT();
  const c = common.useT();
  const { filters, dims, picks, limit, by, baseline: wanted } = useChoice();
  const { comparison, rows } = useComparison();
  const { names, chosen } = useJudgement();
  const [params, set] = useParams();
  const { api } = useTime();
  const data = comparison.data;
  const scheme = useScheme();
  // One colour a group in all drawings of the page.
  const palette = useMemo(() => colours(rows.map((r) => r.name), scheme), [rows, scheme]);
  const baseline = data?.baseline === undefined ? undefined : groupName(data.baseline, dims);
  const order = parseOrder(params.get('order') ?? '-calls');
  const picked = picks.map((p) => rows.find((r) => r.key === p)).filter((r): r is Row => r !== undefined);
  return (
    <Stack gap="sm">
      <Group justify="space-between" align="flex-end">
        <Title order={1} fz="lg">{c('models')}</Title>
        <Controls rows={rows} />
      </Group>
      <CallFilters />
      <States query={comparison} height={420} empty={(d) => d.groups.length === 0} emptyState={<Empty title={t('noGroups')} hint={t('noGroupsHint')} height={300} />}>
        {(d) => (
          <>
            {wanted !== '' && d.baseline === undefined && <Alert variant="light" color="orange" icon={<IconInfoCircle size={16} />} p="xs">{t('baselineGone')}</Alert>}
            {chosen === everyJudgement && names.some((n) => n.rule) && <Text size="xs" c="dimmed">{t('qualityMixed')}</Text>}
            {d.groups.length === 1 && <Text size="sm" c="dimmed">{t('onlyOne')}</Text>}
            {picked.length >= 2 && <Detail rows={picked} comparison={d} filters={filters} baseline={baseline} palette={palette} />}
            <SideBySide comparison={d} rows={inOrder(rows, order.by, order.descending)} filters={filters} baseline={baseline} busy={comparison.isFetching} palette={palette} />
            <Panel title={t('table')} curl={curl('/compare', { ...filters, ...api, by, limit })} actions={<Text size="xs" c="dimmed">{picks.length < 2 ? t('pickMore') : ''}</Text>}>
              <MeasuresTable rows={rows} filters={filters} baseline={baseline} palette={palette} />
              {(d.omitted_groups ?? 0) > 0 && (
                <Group gap="xs" mt={6}>
                  <Text size="xs" c="dimmed">{t('omitted', { n: d.omitted_groups ?? 0 })}</Text>
                  {limit !== '50' && <Button size="compact-xs" variant="subtle" onClick={() => set({ limit: '50' })}>{t('showMore')}</Button>}
                </Group>
              )}
            </Panel>
            <OverTime rows={rows} palette={palette} />
          </>
        )}
      </States>
    </Stack>
  );
}
