// What changed between a window of calls and a baseline, drawn: the answer in a
// sentence, the causes with their weight, and what is special about each.

import { Badge, Group, Paper, Stack, Text, Tooltip } from '@mantine/core';
import { IconArrowRight } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { get, type Params } from '~/api/client';
import { count, duration, percent, short } from '~/format/number';
import { useLanguage } from '~/i18n';
import { Link } from '~/ui/Link';
import { Failure, Loading } from '~/ui/states';
import { When } from '~/ui/values';
import classes from './explanation.module.css';
import { bars, callsLink, explainPhases, explainValue, lift, liftText, type ExplainAnswer, type ExplainCause, type ExplainCondition } from './explanation';
import { explain } from './explanationMessages';

export interface ExplanationProps {
  /** The parameters of /explain: metric, start, end, select, query, baseline… */
  params: Params;
}

/** Asks for the explanation and draws it. */
export function Explanation({ params }: ExplanationProps) {
  const t = explain.useT();
  const q = useQuery({ queryKey: ['explain', params], queryFn: ({ signal }) => get<ExplainAnswer>('/explain', params, signal), staleTime: 60_000 });
  if (q.data !== undefined) return <ExplanationView answer={q.data} />;
  if (q.error) return <Failure error={q.error} retry={() => void q.refetch()} />;
  return <Loading height={180} label={t('working')} />;
}

const colours = { explained: 'cyan', uniform: 'orange', unexplained: 'gray', unchanged: 'green', unknown: 'gray' } as const;

export function ExplanationView({ answer: a }: { answer: ExplainAnswer }) {
  const t = explain.useT();
  const zh = useLanguage() === 'zh';
  const notes = zh && a.notes_zh.length > 0 ? a.notes_zh : a.notes;
  return (
    <Stack gap="xs" role="group" aria-label={t('title')}>
      <Group gap={6}>
        <Badge size="sm" variant="light" color={colours[a.verdict]} tt="none">{t(a.verdict)}</Badge>
        <Text size="xs" c="dimmed">{t(`hint_${a.verdict}`)}</Text>
      </Group>
      <Text size="sm" fw={500} className={classes.summary}>{zh ? a.summary_zh : a.summary}</Text>
      <Sides a={a} />
      {a.causes.length > 0 && (
        <ol className={classes.causes} aria-label={t('causes')}>
          {a.causes.map((c, i) => <Cause key={i} cause={c} unit={a.unit} metric={a.metric} />)}
        </ol>
      )}
      {a.phases !== undefined && a.phases.parts.length > 0 && <Phases phases={a.phases} />}
      {a.error_kinds !== undefined && a.error_kinds.length > 0 && (
        <Section title={t('errorKinds')}>
          {a.error_kinds.map((k) => <Pair key={k.dimension + k.value} name={`${k.dimension} ${k.value}`} window={k.window_share} baseline={k.baseline_share} text={percent} note={t('errorCount', { n: count(k.errors) })} />)}
        </Section>
      )}
      {notes.map((n) => <Text key={n} size="xs" c="dimmed">{n}</Text>)}
    </Stack>
  );
}

/** The metric on both sides, with how many calls each side has. */
function Sides({ a }: { a: ExplainAnswer }) {
  const t = explain.useT();
  // Where these calls are compared with those, sums are scaled to be even: only their parts say something.
  const even = a.window.value !== undefined && a.baseline.value !== undefined && Math.abs(a.window.value - a.baseline.value) <= 1e-6 * Math.abs(a.baseline.value);
  const side = (name: 'window' | 'baseline') => (
    <div className={classes.side}>
      <Text size="xs" c="dimmed"><span className={classes.key} data-side={name} aria-hidden /> {t(name)}</Text>
      {!even && <Text size="md" fw={650} className="num">{explainValue(a[name].value, a.unit)}</Text>}
      <Text size="xs" c="dimmed">{t('calls', { n: count(Math.round(a[name].calls)) })}{a[name].sampled_one_in !== undefined && a[name].sampled_one_in > 1 ? ` · ${t('sampled', { n: short(a[name].sampled_one_in) })}` : ''}</Text>
    </div>
  );
  return (
    <Group gap="lg" className={classes.sides}>
      <div className={classes.side}><Text size="xs" c="dimmed">{t('metric')}</Text><Text size="sm" fw={600} ff="monospace">{a.metric}</Text></div>
      {side('baseline')}
      <IconArrowRight size={16} aria-hidden />
      {side('window')}
      {!even && a.change.ratio !== undefined && <Text size="sm" fw={600}>{liftText(a.change.ratio)}</Text>}
    </Group>
  );
}

export function conditionText(list: readonly ExplainCondition[]): string {
  return list.map((c) => `${c.dimension} ${c.value}`).join(', ');
}

function Conditions({ list }: { list: readonly ExplainCondition[] }) {
  const t = explain.useT();
  if (list.length === 0) return <Text size="sm" fw={600}>{t('allCalls')}</Text>;
  return <>{list.map((c) => <span key={c.dimension} className={classes.condition}><span className={classes.dimension}>{c.dimension}</span> {c.value}</span>)}</>;
}

function Cause({ cause: c, unit, metric }: { cause: ExplainCause; unit: string; metric: string }) {
  const t = explain.useT();
  const zh = useLanguage() === 'zh';
  const l = lift(c.window_share, c.baseline_share);
  const weight = c.contribution === undefined ? undefined : Math.min(1, Math.max(0, c.contribution));
  return (
    <Paper component="li" withBorder radius="md" p="xs" className={classes.cause}>
      <Group justify="space-between" gap="xs" wrap="nowrap" align="flex-start">
        <Group gap={6}>
          <Conditions list={c.conditions} />
          <Tooltip label={t(`kind_${c.kind}_hint`)} multiline maw={280}><Badge size="xs" variant="default" tt="none" tabIndex={0}>{t(`kind_${c.kind}`)}</Badge></Tooltip>
          {c.new === true && <Badge size="xs" variant="light" color="orange" tt="none">{t('new')}</Badge>}
        </Group>
        <Link size="xs" to={callsLink(c.filter.query)} className={classes.show}>{t('showCalls')}</Link>
      </Group>
      {weight !== undefined && weight > 0.005 && (
        <div className={classes.weight}>
          <span className={classes.weightBar} style={{ width: `${weight * 100}%` }} aria-hidden />
          <Text size="xs">{t('contribution', { p: percent(weight) })}</Text>
        </div>
      )}
      <Text size="xs" mt={4} className={classes.summary}>{zh ? c.sentence_zh : c.sentence}</Text>
      <div className={classes.grid}>
        {(c.window_value !== undefined || c.baseline_value !== undefined) && c.kind !== 'volume' && <Pair name={metric} window={c.window_value} baseline={c.baseline_value} text={(v) => explainValue(v, unit)} mono />}
        {c.conditions.length > 0 && <Pair name={t('shareOf')} window={c.window_share} baseline={c.baseline_share} text={percent} note={liftText(l)} />}
        {c.details?.map((d) => <Pair key={d.dimension + d.value} name={`${d.dimension} ${d.value}`} window={d.window_share} baseline={d.new === true ? undefined : d.baseline_share} text={percent} note={liftText(lift(d.window_share, d.baseline_share))} title={zh ? d.text_zh : d.text} mono />)}
      </div>
      <Group gap={10} mt={4}>
        <Text size="xs" c="dimmed">{t('callsOf', { window: count(Math.round(c.window_calls)), baseline: count(Math.round(c.baseline_calls)) })}</Text>
        {c.since !== undefined && <Text size="xs" c="dimmed" component="div">{t('since')} <When time={c.since} />{c.until !== undefined && <> {t('until')} <When time={c.until} /></>}</Text>}
        {(c.same?.length ?? 0) > 0 && <Text size="xs" c="dimmed" title={t('sameHint')}>{t('same')}: {conditionText(c.same ?? [])}</Text>}
        {c.outcome !== undefined && c.outcome.length > 0 && <Text size="xs" c="dimmed">{t('outcome')}: {conditionText(c.outcome)}{c.outcome_share !== undefined ? ` (${percent(c.outcome_share)})` : ''}</Text>}
      </Group>
      {c.exemplars.length > 0 && (
        <Group gap={8} mt={2}>
          <Text size="xs" c="dimmed">{t('examples')}:</Text>
          {c.exemplars.map((e) => <Link key={e.id} size="xs" to={`/calls/${e.id}`}>{e.error ?? (e.value === undefined ? e.id.slice(-6) : explainValue(e.value, unit))}</Link>)}
        </Group>
      )}
    </Paper>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return <section aria-label={title}><Text size="xs" fw={600} mb={2}>{title}</Text><div className={classes.grid}>{children}</div></section>;
}

/** The same number of both sides as bars on one scale. */
function Pair({ name, window: w, baseline: b, text, note, title, mono }: { name: string; window: number | undefined; baseline: number | undefined; text: (v: number | undefined) => string; note?: string; title?: string; mono?: boolean }) {
  const t = explain.useT();
  const [x, y] = bars(w, b);
  return (
    <div className={classes.pair} title={title} role="img" aria-label={`${name}: ${t('window')} ${text(w)}, ${t('baseline')} ${text(b)}`}>
      <Text size="xs" className={classes.pairName} ff={mono ? 'monospace' : undefined}>{name}{note !== undefined && note !== '' && <Text span size="xs" fw={600}> {note}</Text>}</Text>
      <div className={classes.track}><span className={classes.fill} data-side="window" style={{ width: `${x}%` }} /><span className={classes.number}>{text(w)}</span></div>
      <div className={classes.track}><span className={classes.fill} data-side="baseline" style={{ width: `${y}%` }} /><span className={classes.number}>{text(b)}</span></div>
    </div>
  );
}

function Phases({ phases }: { phases: NonNullable<ExplainAnswer['phases']> }) {
  const t = explain.useT();
  const zh = useLanguage() === 'zh';
  const known = (p: string): p is (typeof explainPhases)[number] => (explainPhases as readonly string[]).includes(p);
  const evidence = (e: string) => (e === 'measured' || e === 'inferred' || e === 'rest' ? t(`evidence_${e}`) : e);
  return (
    <Section title={t('phases')}>
      {phases.parts.map((p) => <Pair key={p.phase} name={known(p.phase) ? t(`phase_${p.phase}`) : p.phase} window={p.window_seconds} baseline={p.baseline_seconds} text={duration} note={evidence(p.evidence)} />)}
      {(zh ? phases.text_zh : phases.text) !== undefined && <Text size="xs" c="dimmed" className={classes.wide}>{zh ? phases.text_zh : phases.text}</Text>}
    </Section>
  );
}
