import { Button, Group, Stack, TextInput, Title, Tooltip } from '@mantine/core';
import { IconListSearch, IconPlus } from '@tabler/icons-react';
import { lazy, Suspense, useEffect, useRef, useState } from 'react';
import { Redirect, useSearch } from 'wouter';
import { queryString } from '~/api/client';
import { duration } from '~/format/number';
import { common } from '~/i18n/common';
import { useParam, useParams } from '~/state/url';
import { useStep } from './data';
import { remember } from './history';
import { m } from './messages';
import { QueryPanel } from './QueryPanel';
import { fromPrometheus, isPrometheus, maxQueries, parseStep, read, tabFor, write, type QueryState } from './state';

const Explorer = lazy(() => import('./Explorer'));

export default function View() {
  const search = useSearch();
  const q = new URLSearchParams(search);
  if (isPrometheus(q)) {
    const p = fromPrometheus(q);
    const w = write(p.queries);
    return <Redirect replace to={'/query' + queryString({ expr: w.expr, tab: w.tab, show: w.show, start: p.start ?? q.get('start'), end: p.end ?? q.get('end'), step: p.step })} />;
  }
  return <Page />;
}

function Page() {
  const t = m.useT();
  const c = common.useT();
  const [params, setParams] = useParams();
  const [stepText, setStep] = useParam('step');
  const [explorer, setExplorer] = useParam('explorer');
  const queries = read(params);
  const step = parseStep(stepText);
  const active = useRef(0);
  const inserts = useRef(new Map<number, (text: string) => void>());
  const set = (list: readonly QueryState[], push = false) => setParams({ ...write(list) }, { push });
  const change = (i: number, s: Partial<QueryState>, push = false) => set(queries.map((each, k) => (k === i ? { ...each, ...s } : each)), push);
  const run = (i: number, expr: string) => {
    remember(expr);
    if (expr !== queries[i]?.expr) change(i, { expr }, true);
  };
  const add = (expr = '') => {
    if (queries.length < maxQueries) set([...queries, { expr, tab: expr === '' ? 'graph' : 'table', stacked: false, exemplars: false }], true);
  };
  return (
    <Stack gap="xs">
      <Group justify="space-between" gap="xs">
        <Title order={1} fz="lg">{c('query')}</Title>
        <Group gap="xs">
          <StepField text={stepText} step={step} onChange={setStep} />
          <Button size="xs" variant="default" leftSection={<IconListSearch size={14} />} onClick={() => setExplorer('1')}>{t('explorer')}</Button>
        </Group>
      </Group>
      {queries.map((s, i) => (
        <QueryPanel
          key={i} index={i} only={queries.length === 1} state={s} step={step}
          onChange={(p) => change(i, p)} onRun={(expr) => run(i, expr)} onRemove={() => set(queries.filter((_, k) => k !== i), true)} onOpen={add}
          onFocus={() => { active.current = i; }} onReady={(insert) => inserts.current.set(i, insert)}
        />
      ))}
      <Button size="xs" variant="subtle" w="fit-content" leftSection={<IconPlus size={14} />} onClick={() => add()} disabled={queries.length >= maxQueries || queries.at(-1)?.expr === ''}>{t('add')}</Button>
      {explorer === '1' && (
        <Suspense fallback={null}>
          <Explorer
            onClose={() => setExplorer(null)}
            onInsert={(text) => { setExplorer(null); inserts.current.get(Math.min(active.current, queries.length - 1))?.(text); }}
            onUse={(expr, tab) => {
              const i = Math.min(active.current, queries.length - 1);
              remember(expr);
              setParams({ ...write(queries.map((each, k) => (k === i ? { ...each, expr, tab: tabFor(each.tab, tab) } : each))), explorer: null }, { push: true });
            }}
          />
        </Suspense>
      )}
    </Stack>
  );
}

function StepField({ text, step, onChange }: { text: string; step: number | undefined; onChange: (s: string | null) => void }) {
  const t = m.useT();
  const chosen = useStep(step);
  const [draft, setDraft] = useState(text);
  useEffect(() => setDraft(text), [text]);
  const bad = draft !== '' && parseStep(draft) === undefined;
  return (
    <Tooltip label={bad ? t('badStep') : t('stepHint')}>
      <TextInput
        size="xs" w={150} value={draft} aria-label={t('step')} placeholder={t('stepAuto', { d: duration(chosen.step) })} error={bad}
        leftSection={<span style={{ fontSize: 11 }}>{t('step')}</span>} leftSectionWidth={44}
        onChange={(e) => setDraft(e.currentTarget.value)} onBlur={() => { if (!bad) onChange(draft.trim()); }} onKeyDown={(e) => { if (e.key === 'Enter' && !bad) onChange(draft.trim()); }}
      />
    </Tooltip>
  );
}
