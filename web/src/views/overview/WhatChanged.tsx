// What changed? The calls of the range that is shown against those before, and
// which of them changed it.

import { Drawer, Select, Stack } from '@mantine/core';
import { lazy, Suspense, useState } from 'react';
import { common } from '~/i18n/common';
import { useSettings } from '~/state/settings';
import { useParam } from '~/state/url';
import { Loading } from '~/ui/states';
import type { Scene } from './data';
import { selection } from './filters';
import { messages } from './messages';

const Explanation = lazy(() => import('~/content/Explanation').then((m) => ({ default: m.Explanation })));

const metrics = ['error_rate', 'requests', 'latency_p95', 'ttft_p95', 'tokens_per_second', 'stall_rate', 'tokens', 'cost', 'cost_per_call', 'quality'] as const;
type Metric = (typeof metrics)[number];

const isMetric = (x: string): x is Metric => (metrics as readonly string[]).includes(x);

export function WhatChanged({ scene }: { scene: Scene }) {
  const t = messages.useT();
  const c = common.useT();
  const [asked, ask] = useParam('explain');
  return (
    <Drawer opened={asked !== ''} onClose={() => ask(null)} position="right" size="lg" title={t('whatChanged')} closeButtonProps={{ 'aria-label': c('close') }}>
      {asked !== '' && <Answer scene={scene} metric={isMetric(asked) ? asked : 'error_rate'} onMetric={ask} />}
    </Drawer>
  );
}

function Answer({ scene, metric, onMetric }: { scene: Scene; metric: Metric; onMetric: (m: string) => void }) {
  const t = messages.useT();
  const { zoneName } = useSettings();
  const key = `${scene.range.start} ${scene.range.end}`;
  // A live range moves; the answer is about the moment of the question.
  const [steady, setSteady] = useState({ key, start: scene.params.start, end: scene.params.end });
  if (steady.key !== key) setSteady({ key, start: scene.params.start, end: scene.params.end });
  return (
    <Stack gap="sm">
      <Select size="xs" w={260} label={t('of')} value={metric} onChange={(v) => v !== null && onMetric(v)} allowDeselect={false} comboboxProps={{ withinPortal: true }} data={metrics.map((m) => ({ value: m, label: t(`metric.${m}`) }))} />
      <Suspense fallback={<Loading height={200} />}>
        <Explanation params={{ metric, start: steady.start, end: steady.end, select: selection(scene.choice), time_zone: zoneName }} />
      </Suspense>
    </Stack>
  );
}
