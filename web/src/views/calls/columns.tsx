// The columns that the table of calls can have.

import { Badge, Group, Text } from '@mantine/core';
import { useMemo, type ReactNode } from 'react';
import type { Call } from '~/api/types';
import { count, percent, short, unknown } from '~/format/number';
import { useLanguage } from '~/i18n';
import { common } from '~/i18n/common';
import type { Column } from '~/ui/DataTable';
import { Link } from '~/ui/Link';
import { CallStatus, Duration, Money, Tokens, When } from '~/ui/values';
import { useFieldName } from './fields';
import { calls } from './messages';

export const columnIds = ['time', 'status', 'model', 'service', 'operation', 'duration', 'ttft', 'tpot', 'tokens_per_second', 'tokens', 'cached', 'cost', 'user', 'session', 'feature', 'prompt', 'agent', 'provider', 'upstream', 'environment', 'finish_reasons', 'http_status', 'source', 'stream', 'tags', 'trace_id', 'id'] as const;
export type ColumnId = (typeof columnIds)[number];

export const defaultColumns: readonly ColumnId[] = ['time', 'status', 'model', 'service', 'duration', 'ttft', 'tokens', 'cost', 'user'];

/** Reads the columns of the URL or the browser; what is no column is left out. */
export function parseColumns(text: string | null): ColumnId[] {
  const some = (text ?? '').split(',').filter((c): c is ColumnId => (columnIds as readonly string[]).includes(c));
  return some.length === 0 ? [...defaultColumns] : [...new Set(some)];
}

const dash = (v: ReactNode) => (v === undefined || v === '' || v === null ? <Text span c="dimmed">{unknown}</Text> : v);

const widths: Partial<Record<ColumnId, string>> = {
  time: '96px', status: 'minmax(84px, 0.7fr)', model: 'minmax(150px, 1.6fr)', service: 'minmax(110px, 1fr)', operation: '104px', duration: '72px', ttft: '68px', tpot: '68px', tokens_per_second: '72px', tokens: '100px', cached: '64px', cost: '94px', user: 'minmax(72px, 0.7fr)', session: 'minmax(100px, 0.8fr)', feature: 'minmax(80px, 0.7fr)', prompt: 'minmax(120px, 1fr)', http_status: '60px', source: '74px', stream: '64px', environment: '84px', provider: 'minmax(90px, 0.7fr)', trace_id: 'minmax(110px, 0.8fr)', id: '220px', tags: 'minmax(120px, 1fr)', finish_reasons: '104px',
};

/** The order that a click at the title of a column asks for. */
export const orderOf: Partial<Record<ColumnId, string>> = { time: 'time', duration: 'slowest', cost: 'costliest', tokens: 'most_tokens' };

/** The titles and cells of the chosen columns. */
export function useColumns(chosen: readonly ColumnId[]): Column<Call>[] {
  const title = useTitles();
  const language = useLanguage();
  return useMemo(() => chosen.map((id) => ({
    id, title: title(id), width: widths[id] ?? 'minmax(90px, 1fr)', sort: orderOf[id],
    align: ['duration', 'ttft', 'tpot', 'tokens_per_second', 'tokens', 'cached', 'cost', 'http_status'].includes(id) ? 'right' as const : undefined,
    cell: (c: Call) => <Cell id={id} call={c} />,
    // Titles change with the language alone.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  })), [chosen, language]);
}

export function useTitles(): (id: ColumnId) => string {
  const t = calls.useT();
  const c = common.useT();
  const field = useFieldName();
  return (id) => {
    switch (id) {
      case 'time': return c('time');
      case 'duration': return c('duration');
      case 'ttft': return c('ttft');
      case 'tpot': return c('tpot');
      case 'tokens_per_second': return c('tokensPerSecond');
      case 'tokens': return c('tokens');
      case 'cached': return t('cached');
      case 'cost': return c('cost');
      case 'prompt': return c('prompt');
      case 'http_status': return 'HTTP';
      case 'tags': return c('tags');
      case 'id': return t('callId');
      default: return field(id);
    }
  };
}

function Cell({ id, call: c }: { id: ColumnId; call: Call }) {
  switch (id) {
    case 'time': return <When time={c.time} />;
    case 'status': return <CallStatus call={c} />;
    case 'model': return dash(c.request_model ?? c.response_model);
    case 'duration': return <Duration seconds={c.duration_seconds} />;
    case 'ttft': return <Duration seconds={c.ttft_seconds} />;
    case 'tpot': return <Duration seconds={c.tpot_seconds} />;
    case 'tokens_per_second': return short(c.tokens_per_second);
    case 'tokens': return <Tokens usage={c.usage} />;
    case 'cached': return c.usage.cache_read_tokens === undefined || !c.usage.input_tokens ? dash(undefined) : percent(c.usage.cache_read_tokens / c.usage.input_tokens);
    case 'cost': return <Money cost={c.cost} />;
    case 'session': return c.session === undefined ? dash(undefined) : <Link to={`/sessions/${encodeURIComponent(c.session)}`} size="sm">{c.session}</Link>;
    case 'trace_id': return c.trace_id === undefined ? dash(undefined) : <Link to={`/traces/${c.trace_id}?call=${c.id}`} size="xs" ff="monospace">{c.trace_id.slice(0, 12)}</Link>;
    case 'prompt': return c.prompt_name === undefined ? dash(undefined) : <>{c.prompt_name}{c.prompt_version !== undefined && <Text span c="dimmed" size="xs"> @{c.prompt_version}</Text>}</>;
    case 'finish_reasons': return dash(c.finish_reasons?.join(', '));
    case 'http_status': return c.http_status === undefined ? dash(undefined) : count(c.http_status);
    case 'stream': return c.stream === true ? '✓' : '';
    case 'tags': return c.tags === undefined ? dash(undefined) : <Group gap={4} wrap="nowrap">{Object.entries(c.tags).slice(0, 4).map(([k, v]) => <Badge key={k} size="xs" variant="default" tt="none" fw={400}>{k}={v}</Badge>)}</Group>;
    case 'id': return <span className="mono">{c.id}</span>;
    default: return dash(c[id]);
  }
}
