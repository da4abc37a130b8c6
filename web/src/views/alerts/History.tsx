import { Group, Stack, Text, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { niceStep, range as ask } from '~/api/prom';
import { meaning } from '~/chart/palette';
import { TimeChart, useScheme } from '~/chart/TimeChart';
import { duration } from '~/format/number';
import { compact } from '~/format/time';
import { useSettings } from '~/state/settings';
import { useTime } from '~/state/time';
import { useParam } from '~/state/url';
import { Panel } from '~/ui/Panel';
import { Empty, States } from '~/ui/states';
import { histories, type AlertHistory, type Interval } from './history';
import { levelOf, Severity } from './marks';
import { m } from './messages';
import classes from './alerts.module.css';

const expr = 'ALERTS{alertstate=~"pending|firing"}';
const maxLanes = 100;

/** Who fired when, and how long. */
export function History() {
  const t = m.useT();
  const { range, zoom } = useTime();
  const [search, setSearch] = useParam('search');
  const step = niceStep(range.seconds, 360);
  const start = Math.ceil(range.from / 1000 / step) * step;
  const end = Math.max(start, Math.floor(range.to / 1000 / step) * step);
  const q = useQuery({ queryKey: ['alerts', 'history', start, end, step], queryFn: ({ signal }) => ask(expr, start, end, step, signal), placeholderData: (was) => was });
  const list = useMemo(() => histories(q.data ?? [], start, end, step), [q.data, start, end, step]);
  const words = search.toLowerCase().split(/\s+/).filter((w) => w !== '');
  const shown = list.filter((h) => words.every((w) => h.key.toLowerCase().includes(w)));
  return (
    <Stack gap="xs">
      <Group justify="space-between" gap="xs">
        <Text size="xs" c="dimmed">{t('historyHint')}</Text>
        <TextInput size="xs" w={260} value={search} onChange={(e) => setSearch(e.currentTarget.value)} leftSection={<IconSearch size={14} />} placeholder={t('filterHistory')} aria-label={t('filterHistory')} data-search="" />
      </Group>
      <States query={q} height={260}>
        {() => (list.length === 0 ? <Empty title={t('historyNone')} hint={t('historyNoneHint')} height={220} /> : (
          <>
            <Panel title={t('atOnce')} promql={`count by (severity) (${expr.replace('pending|firing', 'firing')})`} busy={q.isFetching}>
              <AtOnce list={shown} start={start} end={end} step={step} onZoom={zoom} />
            </Panel>
            <Panel title={t('history')} promql={expr} badge={t('nAlerts', { count: shown.length })} busy={q.isFetching}>
              <Scale from={range.from} to={range.to} />
              {shown.slice(0, maxLanes).map((h) => <Lane key={h.key} h={h} from={range.from / 1000} to={range.to / 1000} onZoom={zoom} />)}
              {shown.length > maxLanes && <Text size="xs" c="dimmed">{t('moreHistory', { count: shown.length - maxLanes })}</Text>}
            </Panel>
          </>
        ))}
      </States>
    </Stack>
  );
}

/** How many fired at each moment. */
function AtOnce({ list, start, end, step, onZoom }: { list: AlertHistory[]; start: number; end: number; step: number; onZoom: (from: number, to: number) => void }) {
  const t = m.useT();
  const { range } = useTime();
  const scheme = useScheme();
  const chart = useMemo(() => {
    const n = Math.max(1, Math.round((end - start) / step) + 1);
    const times = Array.from({ length: n }, (_, i) => start + i * step);
    const by = new Map<string, number[]>();
    for (const h of list) {
      const name = h.labels.severity ?? '';
      const values = by.get(name) ?? new Array<number>(n).fill(0);
      for (const i of h.intervals) {
        if (i.state !== 'firing') continue;
        for (let k = Math.max(0, Math.ceil((i.from - start) / step)); k < n && (times[k] ?? Infinity) < i.to; k++) values[k] = (values[k] ?? 0) + 1;
      }
      by.set(name, values);
    }
    return { times, series: [...by].sort(([a], [b]) => a.localeCompare(b)).map(([name, values]) => ({ name, colour: ({ critical: meaning[scheme].critical, warning: meaning[scheme].warning, info: meaning[scheme].input } as Record<string, string>)[name], label: name === '' ? t('noSeverity') : ({ critical: t('critical'), warning: t('warning'), info: t('info') } as Record<string, string>)[name] ?? name, values })) };
  }, [list, start, end, step, scheme, t]);
  return <TimeChart times={chart.times} series={chart.series} height={110} unit="count" stacked label={t('alertsCount')} from={range.from / 1000} to={range.to / 1000} onZoom={onZoom} />;
}

function Scale({ from, to }: { from: number; to: number }) {
  const { zone } = useSettings();
  const ticks = Array.from({ length: 5 }, (_, i) => from + ((to - from) * i) / 4);
  return (
    <div className={classes.lane} style={{ borderTop: 0 }} aria-hidden="true">
      <span />
      <div className={classes.scale}>{ticks.map((x, i) => <span key={x} style={{ left: `${i * 25}%` }}>{compact(x, zone)}</span>)}</div>
      <span />
    </div>
  );
}

function Lane({ h, from, to, onZoom }: { h: AlertHistory; from: number; to: number; onZoom: (from: number, to: number) => void }) {
  const t = m.useT();
  const name = h.labels.alertname ?? '';
  const labels = Object.entries(h.labels).filter(([k]) => !['alertname', 'severity', 'pack', 'job'].includes(k)).map(([k, v]) => `${k}=${v}`).join(' ');
  const text = h.times > 0 ? `${t('firedTimes', { count: h.times })}, ${t('firedTotal', { d: duration(h.firing) })}` : t('onlyPending');
  return (
    <div className={classes.lane} role="group" aria-label={t('timelineOf', { name: `${name} ${labels}`, text })}>
      <div className={classes.laneName}>
        <Group gap={6} wrap="nowrap"><Severity severity={h.labels.severity ?? ''} /><Text size="sm" fw={500} truncate>{name}</Text></Group>
        <div className={classes.laneLabels} title={labels}>{labels}</div>
      </div>
      <div className={classes.track}>
        {h.intervals.map((i) => <Bar key={`${i.state}${i.from}`} i={i} level={levelOf(h.labels.severity ?? '')} from={from} to={to} onZoom={onZoom} />)}
      </div>
      <Text size="xs" c="dimmed" className="num">{text}</Text>
    </div>
  );
}

function Bar({ i, level, from, to, onZoom }: { i: Interval; level: string; from: number; to: number; onZoom: (from: number, to: number) => void }) {
  const t = m.useT();
  const { zone } = useSettings();
  const left = ((i.from - from) / (to - from)) * 100;
  const label = t('zoomTo', { from: compact(i.from * 1000, zone), to: i.openEnd ? t('nowStill') : compact(i.to * 1000, zone), state: i.state === 'firing' ? t('barFiring') : t('barPending'), d: duration(i.to - i.from) });
  const pad = Math.max(60, (i.to - i.from) * 0.5);
  return (
    <button type="button" title={label} className={classes.bar} data-state={i.state} data-level={level} aria-label={label} style={{ left: `${Math.max(0, left)}%`, width: `${((Math.min(i.to, to) - Math.max(i.from, from)) / (to - from)) * 100}%` }} onClick={() => onZoom((i.from - pad) * 1000, Math.min((i.to + pad) * 1000, Date.now()))} />
  );
}
