// A panel with lines over time, whoever answers: chart or table, with the menu
// that leads on.

import { Text } from '@mantine/core';
import { useLocation, useSearch } from 'wouter';
import { lazy, Suspense, type ReactNode } from 'react';
import { TimeChart, type ChartBand, type ChartExemplar, type ChartThreshold } from '~/chart/TimeChart';
import type { Unit } from '~/format/number';
import { common } from '~/i18n/common';
import { useParams, withRange } from '~/state/url';
import { useTime } from '~/state/time';
import { Link } from '../Link';
import { Panel, type MenuEntry } from '../Panel';
import { Empty, Loading, States } from '../states';
import { messages } from './messages';
import type { TableSeries } from './SeriesTable';

const SeriesTable = lazy(() => import('./SeriesTable').then((m) => ({ default: m.SeriesTable })));

export interface PanelFrame {
  /** In the URL, where the panel is shown as a table. */
  id: string;
  title: string;
  description?: string;
  height?: number;
  /** PromQL in effect: to copy, and to open in the query page. */
  exprs?: readonly { ref?: string; expr: string }[];
  logsql?: string;
  curl?: string;
  /** Lead to what is behind it. */
  links?: readonly { title: string; to: string }[];
  badge?: string;
  actions?: ReactNode;
}

/** Whether a panel is shown as a table: in the URL, so that a colleague sees the same. */
export function useAsTable(id: string): [boolean, () => void] {
  const [params, set] = useParams();
  const all = params.getAll('table');
  const on = all.includes(id);
  return [on, () => set({ table: on ? all.filter((x) => x !== id) : [...all, id] })];
}

/** The frame of a panel: its title and its menu. */
export function FramedPanel({ frame, busy, table, children }: { frame: PanelFrame; busy?: boolean; table?: [boolean, () => void]; children: ReactNode }) {
  const c = common.useT();
  const search = useSearch();
  const [, navigate] = useLocation();
  const exprs = frame.exprs ?? [];
  const go = (to: string) => navigate(withRange(to, search));
  const entries: MenuEntry[] = (frame.links ?? []).map((l) => ({ label: l.title, onClick: () => go(l.to) }));
  if (entries.length > 0) entries.push('divider');
  if (table !== undefined) entries.push({ label: table[0] ? c('viewAsChart') : c('viewAsTable'), onClick: table[1] });
  if (exprs.length > 0) entries.push({ label: c('openInQuery'), onClick: () => go('/query?' + exprs.slice(0, 8).map((e) => 'expr=' + encodeURIComponent(e.expr)).join('&')) });
  return (
    <Panel
      title={frame.title}
      description={frame.description}
      badge={frame.badge}
      busy={busy}
      actions={frame.actions}
      promql={exprs.length === 0 ? undefined : exprs.map((e) => e.expr).join('\n')}
      logsql={frame.logsql}
      curl={frame.curl}
      menu={entries}
    >
      {children}
    </Panel>
  );
}

export interface SeriesPanelProps extends PanelFrame {
  query: { data: unknown; error: unknown; isPending: boolean; isPlaceholderData?: boolean; refetch?: () => unknown };
  times: number[];
  series: TableSeries[];
  unit: Unit;
  stacked?: boolean;
  bands?: ChartBand[];
  exemplars?: ChartExemplar[];
  thresholds?: ChartThreshold[];
  /** Charts with the same key show the cursor together. */
  sync?: string;
  seriesLink?: (s: TableSeries) => { to: string } | undefined;
  note?: ReactNode;
  max?: number;
  empty?: ReactNode;
}

export function SeriesPanel(props: SeriesPanelProps) {
  const { query, times, series, unit, height = 220, sync = 'page', note } = props;
  const t = messages.useT();
  const time = useTime();
  const search = useSearch();
  const [, navigate] = useLocation();
  const table = useAsTable(props.id);
  const open = (e: ChartExemplar) => {
    if (e.traceID !== undefined) navigate(withRange(`/traces/${e.traceID}`, search));
    else if (e.callID !== undefined) navigate(withRange(`/calls/${e.callID}`, search));
  };
  return (
    <FramedPanel frame={props} busy={query.isPlaceholderData} table={table}>
      <States query={query} height={height} empty={() => series.length === 0} emptyState={props.empty ?? <Empty height={height} title={t('noSeries')} hint={t('noSeriesHint')} />}>
        {() => table[0] ? (
          <Suspense fallback={<Loading height={height} />}><SeriesTable series={series} unit={unit} label={props.title} height={height + 30} link={(s) => {
            const l = props.seriesLink?.(s);
            return l === undefined ? undefined : <Link to={l.to} size="xs">{s.label ?? s.name}</Link>;
          }} /></Suspense>
        ) : (
          <TimeChart times={times} series={series} unit={unit} height={height} stacked={props.stacked} label={props.title} from={time.range.from / 1000} to={time.range.to / 1000} onZoom={time.zoom} sync={sync} bands={props.bands} exemplars={props.exemplars} onExemplar={open} thresholds={props.thresholds} max={props.max} />
        )}
      </States>
      {note !== undefined && <Text size="xs" c="dimmed" mt={4} component="div">{note}</Text>}
    </FramedPanel>
  );
}
