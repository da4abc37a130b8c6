// A session as one conversation: what every call added, in the order of time.

import { Badge, Button, Group, Paper, Stack, Text, Title, Tooltip } from '@mantine/core';
import { IconMessages } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { memo, useEffect, useMemo, useRef } from 'react';
import { useLocation } from 'wouter';
import { get } from '~/api/client';
import type { Feedback, SessionCall, SessionStat } from '~/api/types';
import { Messages } from '~/content';
import { NoContent } from '~/content/NoContent';
import { count, duration, format, short } from '~/format/number';
import { common } from '~/i18n/common';
import { CopyButton, curl } from '~/ui/Copy';
import { Link } from '~/ui/Link';
import { Panel } from '~/ui/Panel';
import { Stat } from '~/ui/Stat';
import { Empty, Failure, Loading } from '~/ui/states';
import { CallStatus, Duration, Money, Tokens, When } from '~/ui/values';
import { SumCost } from '../traces/Sum';
import { turnsOf, type Turn } from './conversation';
import { sessions as messages } from './messages';
import classes from './sessions.module.css';

interface Answer {
  session: SessionStat;
  calls: SessionCall[];
  next_cursor?: string;
}

export default function Detail({ id }: { id: string }) {
  const t = messages.useT();
  const path = `/sessions/${encodeURIComponent(id)}`;
  const query = useInfiniteQuery({
    queryKey: ['session', id],
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) => get<Answer>(path, { limit: 50, cursor: pageParam }, signal),
    getNextPageParam: (page) => page.next_cursor,
    staleTime: 60_000,
  });
  const pages = query.data?.pages;
  const turns = useMemo(() => turnsOf(pages?.flatMap((p) => p.calls) ?? []), [pages]);
  const session = pages?.[0]?.session;
  if (session === undefined) return query.error ? <Failure error={query.error} retry={() => void query.refetch()} /> : <Loading height={480} />;
  return (
    <Stack gap="sm">
      <Head session={session} />
      <Panel title={t('turns')} description={t('wholeRange')} curl={curl(path)} actions={<Text size="xs" c="dimmed">{t('shown', { some: count(turns.length), all: count(session.calls) })}</Text>}>
        {turns.length === 0 && <Empty height={160} />}
        <ol className={classes.turns}>{turns.map((turn) => <TurnView key={turn.call.id} turn={turn} />)}</ol>
        <More query={query} />
      </Panel>
    </Stack>
  );
}

function More({ query }: { query: { hasNextPage: boolean; isFetchingNextPage: boolean; error: unknown; isFetchNextPageError: boolean; fetchNextPage: () => unknown } }) {
  const t = messages.useT();
  const end = useRef<HTMLDivElement>(null);
  const latest = useRef(query);
  latest.current = query;
  useEffect(() => {
    const el = end.current;
    if (el === null || typeof IntersectionObserver === 'undefined') return;
    const observer = new IntersectionObserver((entries) => {
      const q = latest.current;
      if (entries.some((e) => e.isIntersecting) && q.hasNextPage && !q.isFetchingNextPage && !q.isFetchNextPageError) void q.fetchNextPage();
    }, { rootMargin: '600px' });
    observer.observe(el);
    return () => observer.disconnect();
  }, [query.isFetchingNextPage]);
  return (
    <div ref={end} className={classes.end}>
      {query.isFetchNextPageError ? <Failure error={query.error} compact retry={() => void query.fetchNextPage()} /> : query.hasNextPage ? <Button size="compact-xs" variant="subtle" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>{t('more')}</Button> : t('end')}
    </div>
  );
}

function Head({ session: s }: { session: SessionStat }) {
  const t = messages.useT();
  const c = common.useT();
  const [path] = useLocation();
  return (
    <Stack gap="xs" key={path}>
      <Group gap="xs" justify="space-between">
        <Group gap={8} style={{ minWidth: 0 }}>
          <IconMessages size={18} aria-hidden />
          <Title order={1} fz="lg" style={{ overflowWrap: 'anywhere' }}>{s.session}</Title>
          <CopyButton text={s.session} />
        </Group>
        <Group gap="sm" fz="sm">
          {s.users?.map((u) => <Tooltip key={u} label={t('allOfUser')}><span>{c('user')}: <Link to={`/sessions?user=${encodeURIComponent(u)}`} size="sm">{u}</Link></span></Tooltip>)}
          <Link to={`/calls?session=${encodeURIComponent(s.session)}&start=${encodeURIComponent(s.first)}&end=now`} size="sm">{c('callCount', { count: s.calls })}</Link>
          <Link to={`/traces?session=${encodeURIComponent(s.session)}&start=${encodeURIComponent(s.first)}&end=now`} size="sm">{t('tracesCount', { count: s.traces })}</Link>
        </Group>
      </Group>
      <div className={classes.stats} role="group" aria-label={t('totals')}>
        <Stat title={c('calls')} value={s.calls} unit="count" note={s.errors > 0 ? t('errorCount', { count: s.errors }) : undefined} level={s.errors > 0 ? 'critical' : undefined} />
        <Stat title={t('duration')} value={s.duration_seconds} unit="seconds" note={<><When time={s.first} /> – <When time={s.last} /></>} />
        <Stat title={c('tokens')} value={s.input_tokens + s.output_tokens} unit="tokens" note={`${short(s.input_tokens)} → ${short(s.output_tokens)}`} />
        <Stat title={c('cost')} value={(s.unpriced_calls ?? 0) >= s.calls ? undefined : s.cost_usd} unit="usd" note={(s.unpriced_calls ?? 0) > 0 ? `${s.unpriced_calls} ${c('unpriced')}` : undefined} />
        {s.score !== undefined && <Stat title={t('score')} value={s.score.mean} unit="score" note={t('scoreOf', { count: s.score.count })} />}
        <Stat title={c('models')} value={s.models?.length} unit="count" note={s.models?.join(', ')} />
      </div>
    </Stack>
  );
}

const TurnView = memo(function TurnView({ turn }: { turn: Turn }) {
  const t = messages.useT();
  const c = common.useT();
  const { call } = turn;
  const model = call.response_model ?? call.request_model ?? call.operation ?? '';
  return (
    <li className={classes.turn} id={`turn-${turn.number}`}>
      {(turn.pause ?? 0) >= 60 && <div className={classes.pause}><span>{t('after', { d: duration(turn.pause) })}</span></div>}
      {turn.thread && <div className={classes.pause} data-thread=""><span>{t('newThread')}</span></div>}
      {turn.from !== undefined && <div className={classes.pause}><span>{turn.from === 0 ? t('continuesEarlier') : <a href={`#turn-${turn.from}`} onClick={(e) => { e.preventDefault(); document.getElementById(`turn-${turn.from}`)?.scrollIntoView({ block: 'start' }); }}>{t('continuesTurn', { n: turn.from })}</a>}</span></div>}
      <Paper withBorder radius="md" p="xs" component="article" aria-label={t('turn', { n: turn.number })}>
        <div className={classes.head}>
          <b>{t('turn', { n: turn.number })}</b>
          <When time={call.time} />
          <span className="dim">{model}</span>
          <Tokens usage={call.usage} />
          <Tooltip label={<>{t('costSoFar')}: <SumCost usd={turn.usd} calls={turn.number} unpriced={turn.unpriced} /></>}><span><Money cost={call.cost} /></span></Tooltip>
          <span><Duration seconds={call.duration_seconds} />{call.ttft_seconds !== undefined && <span className="dim"> · TTFT {duration(call.ttft_seconds)}</span>}</span>
          {call.status === 'error' && <CallStatus call={call} />}
          {call.feedback?.map((f, i) => <FeedbackBadge key={f.id ?? i} feedback={f} />)}
          <span className={classes.links}>
            <Link to={`/calls/${call.id}`} size="xs">{t('openCall')}</Link>
            {call.trace_id !== undefined && <Link to={`/traces/${call.trace_id}${call.span_id === undefined ? '' : `?span=${call.span_id}`}`} size="xs">{t('openTrace')}</Link>}
            {call.user !== undefined && <Link to={`/sessions?user=${encodeURIComponent(call.user)}`} size="xs" aria-label={`${c('user')} ${call.user}`}>{call.user}</Link>}
          </span>
        </div>
        {call.error_message !== undefined && <Text size="sm" c="red" style={{ overflowWrap: 'anywhere' }}>{call.error_message}</Text>}
        {call.new_from > 0 && <Text size="xs" c="dimmed" mb={4}>{t('repeated', { count: call.new_from })}</Text>}
        {(call.input?.length ?? 0) + (call.output?.length ?? 0) > 0 ? <Messages plain input={call.input} output={call.output} truncated={call.truncated} failed={call.status === 'error'} /> : <NoContent plain removed={call.content_removed} />}
      </Paper>
    </li>
  );
});

function FeedbackBadge({ feedback: f }: { feedback: Feedback }) {
  const t = messages.useT();
  const good = f.score === undefined ? undefined : f.score >= 0.5;
  const text = [f.name, f.label, f.score === undefined ? undefined : format(f.score, 'score')].filter((x) => x !== undefined && x !== '').join(' · ');
  return <Tooltip label={[f.evaluator, f.user, f.comment].filter(Boolean).join(' · ') || t('feedback')} multiline maw={360}><Badge size="xs" variant="light" color={good === undefined ? 'gray' : good ? 'green' : 'red'} tt="none" tabIndex={0}>{good === undefined ? '' : good ? '▲ ' : '▼ '}{text === '' ? t('feedback') : text}</Badge></Tooltip>;
}
