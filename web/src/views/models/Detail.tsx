import { ActionIcon, Button, Group, Table, Text } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { RidgeOverlay } from '~/chart/RidgeOverlay';
import type { Comparison } from '~/api/types';
import { count, format, short, usd } from '~/format/number';
import { useParams } from '~/state/url';
import { Link } from '~/ui/Link';
import { Panel } from '~/ui/Panel';
import { pathWith, within } from '~/ui/dimensions';
import { measures, type Row } from './measures';
import { models } from './messages';
import { useMeasure } from './SideBySide';
import { intervalText, Verdict } from './Verdict';

/** The picked groups as columns: every measure with its interval and verdict, and their distributions on top of each other. */
export function Detail({ rows, comparison, filters, baseline, palette }: { palette: ReadonlyMap<string, string>; rows: Row[]; comparison: Comparison; filters: Record<string, string>; baseline: string | undefined }) {
  const t = models.useT();
  const [params, set] = useParams();
  const [measure] = useMeasure();
  const picks = params.getAll('pick');
  const distribution = measure.distribution ?? 'latency_seconds';
  const bounds = comparison.bounds[distribution];
  const facts: [string, (r: Row) => string][] = [
    [t('total'), (r) => usd(r.group.cost_usd) + (r.group.unpriced_calls ? ` · ${t('unpricedCalls', { count: r.group.unpriced_calls })}` : '')],
    [t('tokensIn'), (r) => `${short(r.group.input_tokens_per_call)} tok`],
    [t('tokensOut'), (r) => `${short(r.group.output_tokens_per_call)} tok`],
  ];
  return (
    <Panel title={t('chosen')} actions={<Button size="compact-xs" variant="subtle" color="gray" onClick={() => set({ pick: null })}>{t('unpick')}</Button>}>
      <RidgeOverlay bounds={bounds} label={t('density', { measure: t(distribution) })} unit="seconds" series={rows.map((r) => ({ name: r.name, colour: palette.get(r.name) ?? '#888', counts: r.group[distribution]?.counts ?? [], p50: r.group[distribution]?.p50.value }))} />
      <Text size="xs" c="dimmed" ta="center" mb="xs">{t('density', { measure: t(distribution) })}</Text>
      <Table.ScrollContainer minWidth={180 + rows.length * 170} type="native">
        <Table fz="sm" verticalSpacing={4} aria-label={t('chosen')}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th w={150}>{t('measure')}</Table.Th>
              {rows.map((r) => (
                <Table.Th key={r.key}>
                  <Group gap={6} wrap="nowrap">
                    <span style={{ width: 10, height: 10, borderRadius: 2, background: palette.get(r.name), flex: 'none' }} />
                    <Link to={pathWith('/calls', within(filters, r.group.values))} size="sm" fw={600} truncate title={t('openCalls', { name: r.name })}>{r.name}</Link>
                    <ActionIcon size="xs" variant="subtle" color="gray" aria-label={t('remove', { name: r.name })} onClick={() => set({ pick: picks.filter((p) => p !== r.key) })}><IconX size={12} /></ActionIcon>
                  </Group>
                  {r.group.is_baseline ? <Text size="xs" c="dimmed">{t('isBaseline')}</Text> : <Button size="compact-xs" variant="subtle" px={0} onClick={() => set({ baseline: r.key }, { push: true })}>{t('makeBaseline')}</Button>}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {measures.map((m) => (
              <Table.Tr key={m.id}>
                <Table.Th fw={500}>{t(m.id)}</Table.Th>
                {rows.map((r) => {
                  const e = m.of(r);
                  return (
                    <Table.Td key={r.key} style={{ fontVariantNumeric: 'tabular-nums', verticalAlign: 'top' }}>
                      {m.id === 'calls' ? count(r.group.calls) : format(e?.value, m.unit)}
                      {m.id !== 'calls' && e !== undefined && <Text size="xs" c="dimmed">{[intervalText(e, m, t), t('n', { n: count(m.n(r)) })].filter((x) => x !== '').join(' · ')}</Text>}
                      {m.test !== undefined && !r.group.is_baseline && <Verdict row={r} measure={m} baseline={baseline} />}
                    </Table.Td>
                  );
                })}
              </Table.Tr>
            ))}
            {facts.map(([name, of]) => (
              <Table.Tr key={name}>
                <Table.Th fw={500}>{name}</Table.Th>
                {rows.map((r) => <Table.Td key={r.key}>{of(r)}</Table.Td>)}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Panel>
  );
}
