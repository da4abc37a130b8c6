import { Badge, Text, Tooltip } from '@mantine/core';
import { Fragment } from 'react';
import type { Breakdown, Phase } from '~/api/types';
import { useScheme } from '~/chart/TimeChart';
import { count, duration, percent } from '~/format/number';
import { useLanguage } from '~/i18n';
import { phaseColour } from './colours';
import { evidence } from './evidence';
import { timeline } from './messages';
import { certain } from './phases';
import { usePhaseName } from './TimelineChart';
import classes from './timeline.module.css';

function useRange(): (p: Phase) => string {
  const t = timeline.useT();
  return (p) => (p.seconds !== undefined ? duration(p.seconds) : p.min_seconds <= 0 ? t('upTo', { b: duration(p.max_seconds) }) : t('between', { a: duration(p.min_seconds), b: duration(p.max_seconds) }));
}

/** Each phase as a value or as bounds, with what it rests on. */
export function Phases({ breakdown }: { breakdown: Breakdown }) {
  const t = timeline.useT();
  const name = usePhaseName();
  const scheme = useScheme();
  const range = useRange();
  const language = useLanguage();
  const more = breakdown.total_seconds - breakdown.duration_seconds;
  return (
    <div role="group" aria-label={t('phases')}>
      <div className={classes.phases}>
        {breakdown.phases.filter((p) => p.max_seconds > 0).map((p) => (
          <Fragment key={p.phase}>
            <span style={{ whiteSpace: 'nowrap' }}><span className={classes.swatch} style={{ background: phaseColour(p.phase, scheme) }} />{name(p.phase)}{breakdown.dominant === p.phase && <Badge size="xs" ml={6} variant="light" tt="none">{t('dominant')}</Badge>}</span>
            <span className={classes.right}>{range(p)}</span>
            <span className={classes.right}>{p.seconds !== undefined || p.min_seconds > 0 ? percent(certain(p) / breakdown.total_seconds) : ''}</span>
            <Tooltip label={p.typical === undefined ? evidence(p.evidence, language) : `${evidence(p.evidence, language)} · ${t('typical', { p50: duration(p.typical.p50_seconds), p95: duration(p.typical.p95_seconds), calls: count(p.typical.calls) })}`} multiline maw={420} openDelay={300}>
              <span className={classes.evidence}>{t(`source_${p.source}`)}{p.typical !== undefined && ` · ${t('typical', { p50: duration(p.typical.p50_seconds), p95: duration(p.typical.p95_seconds), calls: count(p.typical.calls) })}`}</span>
            </Tooltip>
          </Fragment>
        ))}
      </div>
      {more > 0.001 && <Text size="xs" c="dimmed" mt={4}>{t('outside', { d: duration(breakdown.total_seconds), more: duration(more) })}</Text>}
      {breakdown.unknown.map((u) => <Text key={u} size="xs" c="dimmed" mt={4}>{t('unknownPhases')}: {evidence(u, language)}</Text>)}
      {breakdown.notes.map((n) => <Text key={n} size="xs" c="dimmed" mt={4}>{evidence(n, language)}</Text>)}
    </div>
  );
}
