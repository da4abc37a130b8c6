// A difference in words. What was not shown to differ says so, with how many
// observations that rests on.

import { Text, Tooltip } from '@mantine/core';
import type { Versus } from '~/api/types';
import { useScheme } from '~/chart/TimeChart';
import { meaning } from '~/chart/palette';
import { count, format, percent } from '~/format/number';
import type { Estimate, Measure, Row } from './measures';
import { versusOf } from './measures';
import { models } from './messages';

type T = ReturnType<typeof models.useT>;

/** A share as a percentage with no more digits than a comparison needs. */
function relativeText(r: number): string {
  return percent(r >= 1 ? Math.round(r * 100) / 100 : Math.round(r * 1000) / 1000);
}

function changeText(v: Versus, m: Measure): string {
  return v.relative === undefined ? format(Math.abs(v.difference ?? 0), m.unit) : relativeText(Math.abs(v.relative));
}

/** The verdict as a text. */
export function verdictText(row: Row, m: Measure, t: T, compared: boolean, short = false): string {
  if (row.group.is_baseline) return t('isBaseline');
  if (m.of(row) === undefined) return t('noValue');
  if (m.test === undefined) return m.id === 'calls' ? '' : t('noTest');
  const v = versusOf(row, m);
  if (!compared || v === undefined) return t('noBaseline');
  const n = count(m.n(row));
  switch (v.verdict) {
    case 'better': return t('better', { change: changeText(v, m) });
    case 'worse': return t('worse', { change: changeText(v, m) });
    case 'same': return t(short ? 'sameShort' : 'same', { n });
    case 'too_few': return short ? t('tooFewShort', { n }) : m.id === 'quality' ? t('tooFewJudgements', { n }) : t('tooFew', { n });
  }
}

/** The p-value and the signed difference, for those who want to know. */
function evidence(v: Versus, m: Measure, t: T, baseline: string): string | undefined {
  if (v.p_adjusted === undefined) return undefined;
  const p = v.p_adjusted < 0.001 ? t('pSmall') : t('p', { p: v.p_adjusted.toFixed(3) });
  const d = v.difference === undefined ? '' : `${v.difference >= 0 ? '+' : '−'}${format(Math.abs(v.difference), m.unit)}`;
  return `${t('ofBaseline', { name: baseline, change: d })} · ${p}`;
}

export function Verdict({ row, measure, baseline, short }: { row: Row; measure: Measure; baseline: string | undefined; short?: boolean }) {
  const t = models.useT();
  const scheme = useScheme();
  const text = verdictText(row, measure, t, baseline !== undefined, short);
  const v = versusOf(row, measure);
  const tip = v === undefined || baseline === undefined ? undefined : evidence(v, measure, t, baseline);
  const colour = v?.verdict === 'better' ? meaning[scheme].ok : v?.verdict === 'worse' ? meaning[scheme].critical : 'dimmed';
  const strong = v?.verdict === 'better' || v?.verdict === 'worse';
  return (
    <Tooltip label={tip} disabled={tip === undefined} multiline maw={300}>
      <Text size="xs" c={colour} fw={strong ? 600 : undefined} truncate component="span" display="block">{strong ? (v.verdict === 'better' ? '✓ ' : '✗ ') : ''}{text}</Text>
    </Tooltip>
  );
}

export function intervalText(e: Estimate | undefined, m: Measure, t: T): string {
  if (e === undefined || (e.low === undefined && e.high === undefined)) return '';
  if (e.low === undefined) return t('atMost', { high: format(e.high, m.unit) });
  if (e.high === undefined) return t('atLeast', { low: format(e.low, m.unit) });
  return t('interval', { low: format(e.low, m.unit), high: format(e.high, m.unit) });
}
