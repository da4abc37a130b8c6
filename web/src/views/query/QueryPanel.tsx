import { ActionIcon, Button, Group, Menu, Paper, Stack, Switch, Tabs, Tooltip } from '@mantine/core';
import { notify } from '~/ui/notify';
import { IconChartHistogram, IconChartLine, IconDots, IconPlayerPlay, IconSitemap, IconTable } from '@tabler/icons-react';
import { useIsFetching, useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, useMemo, useState } from 'react';
import { ApiError } from '~/api/client';
import { prom } from '~/api/prom';
import { PromQLEditor } from '~/editor';
import { common } from '~/i18n/common';
import { useTime } from '~/state/time';
import { curl, useCopy } from '~/ui/Copy';
import { Loading } from '~/ui/states';
import { useInstant, useRange, useStep } from './data';
import { Examples } from './Examples';
import { Graph } from './Graph';
import { HistogramView } from './HistogramView';
import { HistoryMenu } from './HistoryMenu';
import { m } from './messages';
import { errorAt } from './results';
import { ResultTable } from './ResultTable';
import { letter, type QueryState, type Tab } from './state';
import classes from './query.module.css';

const Explain = lazy(() => import('./Explain'));

interface Props {
  index: number;
  only: boolean;
  state: QueryState;
  step: number | undefined;
  onChange: (s: Partial<QueryState>) => void;
  onRun: (expr: string) => void;
  onRemove: () => void;
  onOpen: (expr: string) => void;
  onFocus: () => void;
  onReady: (insert: (text: string) => void) => void;
}

export function QueryPanel({ index, only, state, step, onChange, onRun, onRemove, onOpen, onFocus, onReady }: Props) {
  const t = m.useT();
  const client = useQueryClient();
  const [draft, setDraft] = useState(state.expr);
  useEffect(() => setDraft(state.expr), [state.expr]);
  const problem = useProblem(state, step, draft);
  const busy = useIsFetching({ queryKey: ['promql'] }) > 0;
  const run = (text: string) => {
    setDraft(text);
    if (text === state.expr) void client.invalidateQueries({ queryKey: ['promql'], predicate: (q) => q.queryKey[2] === text });
    onRun(text);
  };
  const name = letter(index);
  return (
    <Paper withBorder p="xs" radius="md" component="section" aria-label={`${t('title')} ${name}`} onFocus={onFocus}>
      <div className={classes.head}>
        {!only && <span className={classes.letter} aria-hidden="true">{name}</span>}
        <PromQLEditor value={draft} onChange={setDraft} onRun={run} label={t('expression', { name })} placeholder={t('placeholder')} search={index === 0} autoFocus={index === 0 && state.expr === ''} problem={problem} onReady={onReady} />
        <Tooltip label={t('runHint')}><Button size="xs" variant={draft === state.expr ? 'light' : 'filled'} leftSection={<IconPlayerPlay size={14} />} loading={busy && draft === state.expr && draft !== ''} onClick={() => run(draft)}>{t('run')}</Button></Tooltip>
        <HistoryMenu onChoose={run} />
        <PanelMenu name={name} only={only} state={state} draft={draft} step={step} onFormat={setDraft} onRemove={onRemove} onRun={run} />
      </div>
      {state.expr.trim() === '' ? (
        <Examples onChoose={run} />
      ) : (
        <Tabs value={state.tab} onChange={(v) => onChange({ tab: (v ?? 'graph') as Tab })} mt={4} keepMounted={false}>
          <Group justify="space-between" gap="xs" align="center">
            <Tabs.List aria-label={t('show', { name })}>
              <Tabs.Tab className={classes.tab} value="table" leftSection={<IconTable size={14} />} px="xs" py={6}>{t('table')}</Tabs.Tab>
              <Tabs.Tab className={classes.tab} value="graph" leftSection={<IconChartLine size={14} />} px="xs" py={6}>{t('graph')}</Tabs.Tab>
              <Tabs.Tab className={classes.tab} value="histogram" leftSection={<IconChartHistogram size={14} />} px="xs" py={6}>{t('histogram')}</Tabs.Tab>
              <Tabs.Tab className={classes.tab} value="explain" leftSection={<IconSitemap size={14} />} px="xs" py={6}>{t('explain')}</Tabs.Tab>
            </Tabs.List>
            {state.tab === 'graph' && (
              <Group gap="md">
                <Switch size="xs" label={t('stacked')} checked={state.stacked} onChange={(e) => onChange({ stacked: e.currentTarget.checked })} />
                <Tooltip label={t('exemplarsHint')}><Switch size="xs" label={t('exemplars')} checked={state.exemplars} onChange={(e) => onChange({ exemplars: e.currentTarget.checked })} /></Tooltip>
              </Group>
            )}
          </Group>
          <Stack pt="xs" gap={0}>
            <Tabs.Panel value="table"><ResultTable expr={state.expr} /></Tabs.Panel>
            <Tabs.Panel value="graph"><Graph expr={state.expr} step={step} stacked={state.stacked} exemplars={state.exemplars} /></Tabs.Panel>
            <Tabs.Panel value="histogram"><HistogramView expr={state.expr} step={step} /></Tabs.Panel>
            <Tabs.Panel value="explain"><Suspense fallback={<Loading />}><Explain expr={state.expr} onOpen={onOpen} /></Suspense></Tabs.Panel>
          </Stack>
        </Tabs>
      )}
    </Paper>
  );
}

/** The server's error at its place in the text, while the text is still the one that was run. */
function useProblem(state: QueryState, step: number | undefined, draft: string) {
  const graph = state.tab === 'graph';
  const a = useInstant(state.expr, !graph);
  const b = useRange(state.expr, step, graph).query;
  const error = (graph ? b : a).error;
  return useMemo(() => (error instanceof ApiError && draft === state.expr ? errorAt(error.message, draft) : undefined), [error, draft, state.expr]);
}

function PanelMenu({ name, only, state, draft, step: asked, onFormat, onRemove, onRun }: { name: string; only: boolean; state: QueryState; draft: string; step: number | undefined; onFormat: (text: string) => void; onRemove: () => void; onRun: (text: string) => void }) {
  const t = m.useT();
  const c = common.useT();
  const copy = useCopy();
  const { range } = useTime();
  const { step, start, end } = useStep(asked);
  const format = () => {
    prom<string>('/format_query', { query: draft }).then(
      (a) => onFormat(a.data),
      (e: unknown) => notify({ color: 'red', message: e instanceof Error ? e.message : String(e) }),
    );
  };
  const command = () => (state.tab === 'graph' ? curl('/api/v1/query_range', { query: draft, start, end, step }) : curl('/api/v1/query', { query: draft, time: range.to / 1000 }));
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target><ActionIcon variant="default" size={30} aria-label={t('queryActions', { name })}><IconDots size={16} /></ActionIcon></Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={format}>{t('format')}</Menu.Item>
        <Menu.Item onClick={() => copy(draft)}>{c('copyPromQL')}</Menu.Item>
        <Menu.Item onClick={() => copy(command())}>{c('copyCurl')}</Menu.Item>
        <Menu.Item onClick={() => copy(window.location.href)}>{c('copyLink')}</Menu.Item>
        <Menu.Divider />
        <Menu.Item color="red" onClick={only ? () => onRun('') : onRemove}>{t('remove')}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
