// Judgements, the worst first. A row opens its call.

import { ActionIcon, Badge, Group, Text, Tooltip, VisuallyHidden } from '@mantine/core';
import { IconGavel, IconThumbDown, IconThumbUp } from '@tabler/icons-react';
import { useMemo } from 'react';
import { useLocation, useSearch } from 'wouter';
import type { Feedback } from '~/api/types';
import { meaning } from '~/chart/palette';
import { useScheme } from '~/chart/TimeChart';
import { count, format } from '~/format/number';
import { common } from '~/i18n/common';
import { useParam } from '~/state/url';
import { withRange } from '~/state/url';
import { curl } from '~/ui/Copy';
import { DataTable, type Column } from '~/ui/DataTable';
import { Link } from '~/ui/Link';
import { Panel } from '~/ui/Panel';
import { Empty, Failure, Loading } from '~/ui/states';
import { When } from '~/ui/values';
import { useQuality, useWorst } from './data';
import { quality } from './messages';

/** Where a judgement leads: its call, its trace, its session. */
export function targetOf(f: Feedback): string | undefined {
  if (f.call_id !== undefined) return `/calls?call=${encodeURIComponent(f.call_id)}`;
  if (f.trace_id !== undefined) return `/traces/${encodeURIComponent(f.trace_id)}`;
  if (f.session_id !== undefined) return `/sessions/${encodeURIComponent(f.session_id)}`;
  return undefined;
}

function About({ f }: { f: Feedback }) {
  const t = quality.useT();
  const to = targetOf(f);
  if (to === undefined) return <span className="dim">{f.response_id === undefined ? '–' : t('ofResponse', { id: f.response_id })}</span>;
  const name = f.model ?? (f.call_id !== undefined ? f.call_id : f.trace_id !== undefined ? `${t('ofTrace')} ${f.trace_id.slice(0, 8)}` : `${t('ofSession')} ${f.session_id}`);
  return <Link to={to} size="sm" title={t('openCall')}>{name}</Link>;
}

function LabelOf({ label }: { label: string | undefined }) {
  const t = quality.useT();
  if (label === undefined) return null;
  if (label === 'thumbs_up') return <IconThumbUp size={15} title={t('thumbs_up')} aria-label={t('thumbs_up')} role="img" />;
  if (label === 'thumbs_down') return <IconThumbDown size={15} title={t('thumbs_down')} aria-label={t('thumbs_down')} role="img" />;
  return <Badge size="xs" variant="light" color="gray" tt="none">{label}</Badge>;
}

function useColumns(onJudge: (f: Feedback) => void): Column<Feedback>[] {
  const t = quality.useT();
  const c = common.useT();
  const scheme = useScheme();
  return useMemo(() => [
    { id: 'score', title: t('score'), width: '62px', align: 'right', cell: (f) => <Text span size="sm" fw={600} c={f.score === undefined ? 'dimmed' : f.score < 0.3 ? meaning[scheme].critical : f.score < 0.6 ? meaning[scheme].warning : undefined}>{format(f.score, 'score')}</Text> },
    { id: 'name', title: t('judgement'), width: '120px', cell: (f) => f.name ?? '–' },
    { id: 'label', title: t('label'), width: '120px', cell: (f) => <LabelOf label={f.label} /> },
    { id: 'comment', title: t('comment'), width: 'minmax(200px, 2.4fr)', cell: (f) => <Tooltip label={f.comment ?? ''} disabled={f.comment === undefined} multiline maw={420} openDelay={300}><span>{f.comment ?? <span className="dim">–</span>}</span></Tooltip> },
    { id: 'by', title: t('by'), width: '120px', cell: (f) => (f.evaluator === 'user' || f.evaluator === undefined ? (f.user ?? 'user') : f.evaluator) },
    { id: 'about', title: t('about'), width: 'minmax(140px, 1fr)', cell: (f) => <About f={f} /> },
    { id: 'service', title: c('service'), width: '130px', cell: (f) => f.service ?? '–' },
    { id: 'prompt', title: c('prompt'), width: '140px', cell: (f) => (f.prompt_name === undefined ? '–' : `${f.prompt_name}${f.prompt_version === undefined ? '' : ` · ${f.prompt_version}`}`) },
    { id: 'when', title: t('when'), width: '120px', cell: (f) => <When time={f.time} /> },
    { id: 'judge', title: <VisuallyHidden>{t('judgeThis')}</VisuallyHidden>, width: '28px', cell: (f) => (f.call_id === undefined ? '' : <Tooltip label={t('judgeThis')}><ActionIcon size="sm" variant="subtle" color="gray" aria-label={t('judgeThis')} onClick={() => onJudge(f)}><IconGavel size={14} /></ActionIcon></Tooltip>) },
  ], [t, c, scheme, onJudge]);
}

export function Worst({ everyone = false }: { everyone?: boolean }) {
  const t = quality.useT();
  const [, navigate] = useLocation();
  const search = useSearch();
  const [, setJudge] = useParam('judge');
  const { chosen } = useQuality();
  const query = useWorst(everyone);
  const onJudge = useMemo(() => (f: Feedback) => setJudge(f.call_id ?? null), [setJudge]);
  const columns = useColumns(onJudge);
  const rows = useMemo(() => [...new Map((query.data?.pages ?? []).flatMap((p) => p.rows).map((f) => [f.id ?? JSON.stringify(f), f])).values()], [query.data]);
  return (
    <Panel title={t('worst')} description={t('worstHelp')} busy={query.isFetching} curl={curl('/feedback', { ...chosen.filters, max_score: chosen.max, min_score: chosen.min, order: 'score' })}>
      {query.data === undefined ? (query.error ? <Failure error={query.error} retry={() => void query.refetch()} /> : <Loading height={220} />) : rows.length === 0 ? <Empty title={t('noJudgements')} hint={t('noJudgementsHint')} /> : (
        <DataTable
          columns={columns} rows={rows} rowKey={(f) => f.id ?? JSON.stringify(f)} label={t('worst')} rowHeight={32} maxHeight={480}
          onOpen={(f) => { const to = targetOf(f); if (to !== undefined) navigate(withRange(to, search)); }}
          onEnd={() => { if (query.hasNextPage && !query.isFetchingNextPage) void query.fetchNextPage(); }}
          footer={<Group justify="center">{query.isFetchingNextPage ? t('more') + '…' : query.hasNextPage ? t('shownSoFar', { n: count(rows.length) }) : t('allShown', { n: count(rows.length) })}</Group>}
        />
      )}
    </Panel>
  );
}
