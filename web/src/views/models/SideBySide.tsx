import { Select, Text } from '@mantine/core';
import { IntervalPlot, type IntervalRow } from '~/chart/IntervalPlot';
import { count, format } from '~/format/number';
import type { Comparison } from '~/api/types';
import { useParam } from '~/state/url';
import { Link } from '~/ui/Link';
import { Panel } from '~/ui/Panel';
import { pathWith, within } from '~/ui/dimensions';
import { axisEnd, measureOf, measures, versusOf, type Measure, type Row } from './measures';
import { models } from './messages';
import { intervalText, Verdict, verdictText } from './Verdict';

export function useMeasure(): [Measure, (id: string | null) => void] {
  const [id, set] = useParam('measure', 'latency_p50');
  return [measureOf(id), set];
}

export function MeasureSelect() {
  const t = models.useT();
  const [measure, set] = useMeasure();
  return <Select size="xs" w={170} aria-label={t('measure')} data={measures.map((m) => ({ value: m.id, label: t(m.id) }))} value={measure.id} onChange={set} allowDeselect={false} maxDropdownHeight={420} />;
}

/** Whether the verdict names n already. */
function saysN(r: Row, m: Measure): boolean {
  const v = versusOf(r, m)?.verdict;
  return v === 'same' || v === 'too_few' || m.of(r) === undefined;
}

/** One measure of all groups over one axis, with verdicts. */
export function SideBySide({ comparison, rows, filters, baseline, busy, palette }: { palette: ReadonlyMap<string, string>; comparison: Comparison; rows: Row[]; filters: Record<string, string>; baseline: string | undefined; busy: boolean }) {
  const t = models.useT();
  const [measure] = useMeasure();
  const bounds = measure.distribution === undefined ? undefined : comparison.bounds[measure.distribution];
  const marksOf = (r: Row): IntervalRow['marks'] => {
    if (measure.distribution === undefined) {
      const e = measure.of(r);
      return e === undefined ? [] : [e];
    }
    const d = r.group[measure.distribution];
    return d === undefined ? [] : [d.p50, d.p95, d.p99];
  };
  const drawn = rows.map((r): IntervalRow => {
    const e = measure.of(r);
    const interval = intervalText(e, measure, t);
    const d = measure.distribution === undefined ? undefined : r.group[measure.distribution];
    return {
      key: r.key,
      colour: palette.get(r.name) ?? '#888',
      name: <Link to={pathWith('/calls', within(filters, r.group.values))} size="sm" truncate title={t('openCalls', { name: r.name })}>{r.name}</Link>,
      label: d === undefined
        ? t('rowLabel', { name: r.name, measure: t(measure.id), value: format(e?.value, measure.unit), interval: interval || '–', verdict: verdictText(r, measure, t, baseline !== undefined) })
        : t('ridgeLabel', { name: r.name, measure: t(measure.distribution ?? 'latency_seconds'), p50: format(d.p50.value, 'seconds'), p95: format(d.p95.value, 'seconds'), p99: format(d.p99.value, 'seconds'), n: count(d.count) }),
      value: (
        <>
          <Text span fw={600} size="sm">{format(e?.value, measure.unit)}</Text>
          <Text size="xs" c="dimmed" component="div">{interval === '' ? t('n', { n: count(measure.n(r)) }) : `${interval}`}</Text>
        </>
      ),
      verdict: (
        <>
          <Verdict row={r} measure={measure} baseline={baseline} />
          {saysN(r, measure) ? null : <Text size="xs" c="dimmed" component="div">{t('n', { n: count(measure.n(r)) })}</Text>}
        </>
      ),
      baseline: r.group.is_baseline,
      marks: marksOf(r),
      counts: d?.counts,
    };
  });
  return (
    <Panel title={t('sideBySide')} description={t('sideBySideHelp', { n: comparison.comparisons })} actions={<MeasureSelect />} busy={busy}>
      <Text size="xs" c="dimmed" mb={4}>{[measure.better === 'less' ? t('lowIsLeft') : measure.better === 'more' ? t('moreIsBetter') : '', measure.distribution === undefined ? '' : t('over')].filter((x) => x !== '').join(' · ')}</Text>
      <IntervalPlot rows={drawn} unit={measure.unit} label={t(measure.id)} end={axisEnd(rows.map((r) => measure.of(r)))} bounds={bounds} />
    </Panel>
  );
}
