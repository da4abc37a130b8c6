import { Badge } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useLocation, useSearch } from 'wouter';
import { get, queryString } from '~/api/client';
import { short, usd } from '~/format/number';
import { common } from '~/i18n/common';
import { useTime } from '~/state/time';
import { withRange } from '~/state/url';
import { curl } from '~/ui/Copy';
import { DataTable } from '~/ui/DataTable';
import type { Chosen, PanelDefinition } from '~/ui/prom/definition';
import { messages as panel } from '~/ui/prom/messages';
import { FramedPanel, type PanelFrame } from '~/ui/prom/SeriesPanel';
import { Empty, States } from '~/ui/states';
import { Duration, When } from '~/ui/values';
import { messages } from './messages';
import { traceParams } from './traceQuery';

/** Of GET /traces, as far as it is shown here. */
interface TraceRow {
  trace_id: string;
  name?: string;
  service?: string;
  start: string;
  duration_seconds?: number;
  status?: string;
  spans?: number;
  calls?: number;
  errors?: number;
  input_tokens?: number;
  output_tokens?: number;
  cost_usd?: number;
}

export function TracesPanel({ frame, trace, chosen }: { frame: PanelFrame; trace: PanelDefinition['trace']; chosen: Chosen }) {
  const t = messages.useT();
  const p = panel.useT();
  const c = common.useT();
  const { api } = useTime();
  const search = useSearch();
  const [, navigate] = useLocation();
  const params = { ...(trace === undefined ? {} : traceParams(trace, chosen)), start: api.start, end: api.end };
  const height = frame.height ?? 220;
  const q = useQuery({
    queryKey: ['traces', params],
    queryFn: async ({ signal }) => (await get<{ traces: TraceRow[] }>('/traces', params, signal)).traces,
    placeholderData: (was) => was,
    enabled: trace !== undefined,
  });
  const { start: _start, end: _end, limit: _limit, ...filter } = params as Record<string, string | number>;
  return (
    <FramedPanel frame={{ ...frame, curl: curl('/traces', params), links: [{ title: c('traces'), to: '/traces' + queryString(filter) }] }} busy={q.isPlaceholderData}>
      <States query={q} height={height} empty={(rows) => rows.length === 0} emptyState={<Empty height={height} title={t('noTraces')} hint={c('noDataHint')} />}>
        {(rows) => (
          <DataTable
            rows={rows}
            rowKey={(r) => r.trace_id}
            label={frame.title}
            maxHeight={height}
            rowHeight={28}
            onOpen={(r) => navigate(withRange(`/traces/${r.trace_id}`, search))}
            rowTone={(r) => ((r.errors ?? 0) > 0 || r.status === 'error' ? 'critical' : undefined)}
            columns={[
              { id: 'start', title: p('started'), width: '78px', cell: (r) => <When time={r.start} /> },
              { id: 'name', title: c('name'), width: 'minmax(106px, 1.6fr)', cell: (r) => r.name ?? r.trace_id.slice(0, 8) },
              { id: 'service', title: c('service'), width: 'minmax(76px, 1fr)', cell: (r) => r.service ?? '' },
              { id: 'duration', title: c('duration'), width: '70px', align: 'right', cell: (r) => <Duration seconds={r.duration_seconds} /> },
              { id: 'errors', title: c('errors'), width: '52px', align: 'right', cell: (r) => ((r.errors ?? 0) > 0 ? <Badge size="xs" color="red" variant="light">{r.errors}</Badge> : '') },
              { id: 'tokens', title: c('tokens'), width: '64px', align: 'right', cell: (r) => short(r.input_tokens === undefined && r.output_tokens === undefined ? undefined : (r.input_tokens ?? 0) + (r.output_tokens ?? 0)) },
              { id: 'cost', title: c('cost'), width: '74px', align: 'right', cell: (r) => usd(r.cost_usd) },
            ]}
          />
        )}
      </States>
    </FramedPanel>
  );
}
