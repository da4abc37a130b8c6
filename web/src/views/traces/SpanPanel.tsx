// All of one span: of a call its conversation and timing, of others what they say.

import { ActionIcon, Badge, Box, Drawer, Group, Paper, Stack, Text, Title, Tooltip } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, type ReactNode } from 'react';
import { get } from '~/api/client';
import type { Call, Span, Trace, TraceSpan } from '~/api/types';
import { useScheme } from '~/chart/TimeChart';
import { Messages } from '~/content';
import { TextView } from '~/content/TextView';
import { count, duration, percent, unknown } from '~/format/number';
import { common } from '~/i18n/common';
import { CopyButton } from '~/ui/Copy';
import { Json } from '~/ui/Json';
import { Link } from '~/ui/Link';
import { States } from '~/ui/states';
import { CallStatus, Duration, Money, Tokens, When } from '~/ui/values';
import { KindIcon } from './kinds';
import { traces as messages } from './messages';
import { SumCost, SumTokens } from './Sum';
import type { LogLine, Node, Tree } from './tree';
import classes from './panel.module.css';

const TokenTimeline = lazy(() => import('~/timeline/TokenTimeline').then((m) => ({ default: m.TokenTimeline })));

export interface SpanPanelProps {
  trace: Trace;
  tree: Tree;
  node?: Node;
  log?: LogLine;
  logs: readonly LogLine[];
  drawer: boolean;
  onSelect: (id: string) => void;
  onClose: () => void;
}

export default function SpanPanel(p: SpanPanelProps) {
  const t = messages.useT();
  const c = common.useT();
  const body = p.log !== undefined ? <LogBody log={p.log} onSelect={p.onSelect} tree={p.tree} /> : p.node !== undefined ? <SpanBody {...p} node={p.node} /> : null;
  if (p.drawer) return <Drawer opened onClose={p.onClose} position="right" size="min(560px, 100%)" title={c('details')} closeButtonProps={{ 'aria-label': t('closePanel') }}>{body}</Drawer>;
  return (
    <Paper withBorder radius="md" p="sm" pos="relative" onKeyDown={(e) => { if (e.key === 'Escape') p.onClose(); }}>
      <Tooltip label={t('closePanel')}><ActionIcon pos="absolute" top={8} right={8} size="sm" variant="subtle" color="gray" aria-label={t('closePanel')} onClick={p.onClose}><IconX size={15} /></ActionIcon></Tooltip>
      {body}
    </Paper>
  );
}

export function Section({ title, children, actions }: { title: string; children: ReactNode; actions?: ReactNode }) {
  return (
    <section aria-label={title}>
      <Group justify="space-between" mb={4}><Title order={3} fz="xs" fw={650}>{title}</Title>{actions}</Group>
      {children}
    </section>
  );
}

/** Names and values in two columns; what is unknown is left out. */
export function Facts({ rows }: { rows: readonly (readonly [string, ReactNode])[] }) {
  const known = rows.filter(([, v]) => v !== undefined && v !== null && v !== '');
  return <dl className={classes.facts}>{known.map(([k, v]) => <div key={k} className={classes.fact}><dt>{k}</dt><dd>{v}</dd></div>)}</dl>;
}

function SpanBody({ trace, tree, node, logs, onSelect }: SpanPanelProps & { node: Node }) {
  const t = messages.useT();
  const c = common.useT();
  const scheme = useScheme();
  const s = node.span;
  const parent = tree.nodes[node.parent];
  const below = node.sum;
  const own = logs.filter((l) => l.span_id === s.span_id);
  const error = s.call?.error_message ?? s.span?.error_message;
  return (
    <Stack gap="sm">
      <Group gap={6} pr={28} wrap="nowrap" align="flex-start">
        <Box mt={3}><KindIcon kind={s.kind} scheme={scheme} size={17} /></Box>
        <Box miw={0}>
          <Title order={2} fz="sm" style={{ overflowWrap: 'anywhere' }}>{s.name}</Title>
          <Text size="xs" c="dimmed">{t(`kind-${s.kind}`)} · {s.service ?? unknown} · <span className="mono">{s.span_id}</span> <CopyButton text={s.span_id} /></Text>
        </Box>
      </Group>
      <Group gap={6}>
        <CallStatus call={s} />
        {s.container === true && <Tooltip label={t('containerHint')} multiline maw={300}><Badge size="xs" variant="outline" color="gray" tt="none" tabIndex={0}>{t('container')}</Badge></Tooltip>}
        {node.parent < 0 && s.parent_span_id !== undefined && <Tooltip label={t('missingParentHint')} multiline maw={300}><Badge size="xs" variant="outline" color="orange" tt="none" tabIndex={0}>{t('missingParent')}</Badge></Tooltip>}
        {s.call !== undefined && <Link to={`/calls/${s.call.id}`} size="xs" fw={600}>{t('openCall')} →</Link>}
      </Group>
      {error !== undefined && <Text size="sm" c="red" style={{ overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' }}>{error}</Text>}
      <Facts rows={[
        [t('start'), <><When time={s.start} millis /> (+{duration(s.offset_seconds)})</>],
        [c('duration'), <><Duration seconds={s.duration_seconds} /> · {percent(trace.duration_seconds > 0 ? s.duration_seconds / trace.duration_seconds : 1)}</>],
        [t('selfTime'), duration(node.self)],
        [t('subtree'), node.children.length === 0 ? undefined : <>{t('spanCount', { count: below.spans, n: count(below.spans) })}{below.calls > 0 && <> · {c('callCount', { count: below.calls })} · <SumTokens calls={below.calls} input={below.input} output={below.output} /> · <SumCost usd={below.usd} calls={below.calls} unpriced={below.unpriced} estimated={below.estimated} /></>}{below.errors > 0 && ` · ${t('errorCount', { count: below.errors })}`}</>],
        [t('parent'), parent === undefined ? undefined : <SpanButton span={parent.span} onSelect={onSelect} />],
      ]} />
      {s.call !== undefined ? <CallPart call={s.call} /> : s.span !== undefined && <SpanPart span={s.span} onSelect={onSelect} traceId={trace.trace_id} byId={tree.byId} />}
      {own.length > 0 && (
        <Section title={`${t('logsHere')} (${own.length})`}>
          <Stack gap={4}>{own.slice(0, 100).map((l, i) => <Box key={i} className={classes.log}><Text size="xs" c="dimmed">{l.level} · +{duration(l.at)}</Text><Text size="xs" style={{ overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' }}>{l.message}</Text></Box>)}</Stack>
        </Section>
      )}
    </Stack>
  );
}

function SpanButton({ span, onSelect }: { span: TraceSpan; onSelect: (id: string) => void }) {
  return <button type="button" className={classes.link} onClick={() => onSelect(span.span_id)}>{span.name}</button>;
}

function CallPart({ call }: { call: Call }) {
  const t = messages.useT();
  const c = common.useT();
  const q = useQuery({ queryKey: ['call', call.id], queryFn: ({ signal }) => get<Call>(`/calls/${encodeURIComponent(call.id)}`, {}, signal), staleTime: 60_000 });
  return (
    <>
      <Facts rows={[
        [c('model'), call.response_model ?? call.request_model], [c('provider'), call.provider], [c('tokens'), <Tokens usage={call.usage} />], [c('cost'), <Money cost={call.cost} />],
        [c('ttft'), call.ttft_seconds === undefined ? undefined : duration(call.ttft_seconds)], [c('user'), call.user], [c('feature'), call.feature], [c('prompt'), call.prompt_name === undefined ? undefined : `${call.prompt_name} ${call.prompt_version ?? ''}`],
      ]} />
      <States query={q} height={240}>
        {(whole) => (
          <>
            <Section title={t('messages')}><Messages input={whole.input} output={whole.output} truncated={whole.truncated} removed={whole.content_removed} failed={whole.status === 'error'} /></Section>
            <Section title={t('timing')}><Suspense fallback={null}><TokenTimeline call={whole} /></Suspense></Section>
            {whole.params !== undefined && Object.keys(whole.params).length > 0 && <Section title={t('params')}><Json value={whole.params} maxHeight={200} /></Section>}
            <Attributes span={whole} />
          </>
        )}
      </States>
    </>
  );
}

function SpanPart({ span, onSelect, traceId, byId }: { span: Span; onSelect: (id: string) => void; traceId: string; byId: ReadonlyMap<string, number> }) {
  const t = messages.useT();
  const c = common.useT();
  return (
    <>
      <Facts rows={[[c('agent'), span.agent], [c('tool'), span.tool], [c('workflow'), span.workflow], [c('user'), span.user], [c('environment'), span.environment], [t('scope'), span.scope === undefined ? undefined : `${span.scope} ${span.scope_version ?? ''}`], ['SpanKind', span.otel_kind], ['ID', <span className="mono" key="id">{span.id}</span>]]} />
      {span.input !== undefined && <Section title={t('input')}><Box fz="sm"><TextView text={span.input} /></Box></Section>}
      {span.output !== undefined && <Section title={t('output')}><Box fz="sm"><TextView text={span.output} /></Box></Section>}
      <Attributes span={span} />
      {span.links !== undefined && span.links.length > 0 && (
        <Section title={`${t('links')} (${span.links.length})`}>
          <Stack gap={4}>
            {span.links.slice(0, 100).map((l, i) => (
              <div key={i}>
                {l.trace_id === traceId && byId.has(l.span_id) ? <button type="button" className={classes.link} onClick={() => onSelect(l.span_id)}>{t('linkedSpan', { id: l.span_id })}</button> : <Link to={`/traces/${l.trace_id}?span=${l.span_id}`} size="xs">{c('trace')} {l.trace_id.slice(0, 12)}… · {t('linkedSpan', { id: l.span_id })}</Link>}
                {l.attributes !== undefined && Object.keys(l.attributes).length > 0 && <Json value={l.attributes} maxHeight={160} />}
              </div>
            ))}
          </Stack>
        </Section>
      )}
    </>
  );
}

/** Attributes, events and the resource, of a call as of another span. */
function Attributes({ span }: { span: Pick<Span, 'attributes' | 'resource' | 'events' | 'time'> }) {
  const t = messages.useT();
  const has = (o: object | undefined) => o !== undefined && Object.keys(o).length > 0;
  return (
    <>
      {span.events !== undefined && span.events.length > 0 && (
        <Section title={`${t('events')} (${span.events.length})`}>
          <Stack gap={4}>
            {span.events.slice(0, 100).map((e, i) => (
              <Box key={i} className={classes.log}>
                <Text size="xs"><b>{e.name}</b> <span className="dim">+{duration((Date.parse(e.time) - Date.parse(span.time)) / 1000)}</span></Text>
                {has(e.attributes) && <Json value={e.attributes} maxHeight={200} />}
              </Box>
            ))}
          </Stack>
        </Section>
      )}
      {has(span.attributes) && <Section title={t('attributes')}><Json value={span.attributes} maxHeight={320} /></Section>}
      {has(span.resource) && <Section title={t('resource')}><Json value={span.resource} maxHeight={200} open={1} /></Section>}
    </>
  );
}

function LogBody({ log, onSelect, tree }: { log: LogLine; onSelect: (id: string) => void; tree: Tree }) {
  const t = messages.useT();
  const c = common.useT();
  const of = tree.nodes[tree.byId.get(log.span_id) ?? -1];
  return (
    <Stack gap="sm" pr={28}>
      <Title order={2} fz="sm">{t('log')}</Title>
      <Facts rows={[[c('time'), <><When time={log.time} millis /> (+{duration(log.at)})</>], [t('level'), log.level], [t('parent'), of === undefined ? undefined : <SpanButton span={of.span} onSelect={onSelect} />]]} />
      <Section title={t('message')}><Box fz="sm"><TextView text={log.message} raw /></Box></Section>
      <Section title={t('attributes')}><Json value={Object.fromEntries(Object.entries(log.fields).filter(([k]) => !k.startsWith('_')))} /></Section>
    </Stack>
  );
}
