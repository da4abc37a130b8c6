import { Box, Group, Paper, Text, Tooltip } from '@mantine/core';
import type { ReactNode } from 'react';
import { Sparkline } from '~/chart/Sparkline';
import { useScheme } from '~/chart/TimeChart';
import { meaning } from '~/chart/palette';
import { change, format, type Unit } from '~/format/number';
import { common } from '~/i18n/common';
import type { Level } from './values';
import { Link } from './Link';

export interface StatProps {
  title: string;
  value: number | null | undefined;
  unit: Unit;
  /** The same of the period before. */
  before?: number | null;
  /** Whether more is better, worse, or neither. */
  better?: 'more' | 'less' | 'neither';
  values?: readonly (number | null | undefined)[];
  level?: Level;
  note?: ReactNode;
  description?: string;
  to?: string;
}

/** One figure with its course and how it changed. A rise is red only where it is bad. */
export function Stat({ title, value, unit, before, better = 'neither', values, level, note, description, to }: StatProps) {
  const t = common.useT();
  const scheme = useScheme();
  const text = format(value, unit);
  const delta = before === undefined || before === null ? undefined : change(value, before);
  const up = typeof value === 'number' && typeof before === 'number' && value > before;
  const same = value === before || delta?.startsWith('±') === true;
  const tone = better === 'neither' || same ? 'dimmed' : (better === 'more') === up ? 'green' : 'red';
  return (
    <Paper withBorder radius="md" p="sm" pos="relative" component="section" aria-label={title} style={{ overflow: 'hidden' }}>
      <Tooltip label={description} disabled={description === undefined} multiline maw={300}>
        <Text size="xs" c="dimmed" fw={500} lineClamp={1}>{title}</Text>
      </Tooltip>
      <Group justify="space-between" align="baseline" gap={4} wrap="nowrap">
        {to === undefined ? (
          <Text fz={24} fw={650} lh={1.25} c={level === undefined || level === 'muted' ? undefined : meaning[scheme][level]} style={{ fontVariantNumeric: 'tabular-nums', whiteSpace: 'nowrap' }}>{text}</Text>
        ) : (
          <Link to={to} fz={24} fw={650} lh={1.25} c={level === undefined || level === 'muted' ? 'var(--mantine-color-text)' : meaning[scheme][level]} style={{ fontVariantNumeric: 'tabular-nums', whiteSpace: 'nowrap' }}>{text}</Link>
        )}
        {delta !== undefined && (
          <Tooltip label={`${t('previousPeriod')}: ${format(before, unit)}`}>
            <Text size="xs" fw={500} c={tone === 'green' ? meaning[scheme].ok : tone === 'red' ? meaning[scheme].critical : 'dimmed'} style={{ whiteSpace: 'nowrap' }}>{delta}</Text>
          </Tooltip>
        )}
      </Group>
      {note !== undefined && <Text size="xs" c="dimmed" lineClamp={1} component="div">{note}</Text>}
      {values !== undefined && <Box mt={4} mx={-4}><Sparkline values={values} colour={level === 'critical' || level === 'warning' ? meaning[scheme][level] : meaning[scheme].output} height={26} /></Box>}
    </Paper>
  );
}
