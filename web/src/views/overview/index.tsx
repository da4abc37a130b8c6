// Is it healthy, what does it cost, what changed?

import { Button, Group, Stack, Text } from '@mantine/core';
import { useViewportSize } from '@mantine/hooks';
import { lazy, Suspense, type ComponentType } from 'react';
import { common } from '~/i18n/common';
import { useParam } from '~/state/url';
import { InView } from '~/ui/InView';
import { Link } from '~/ui/Link';
import { Empty, Loading } from '~/ui/states';
import { Attention } from './Attention';
import { useBands, useScene, useTotals } from './data';
import { Figures } from './Figures';
import { dimensions } from './filters';
import { ActivePanel, HeatmapPanel, LatencyByModelPanel, LatencyPanel, QualityPanel, SpeedPanel, TTFTPanel } from './latency';
import { messages } from './messages';
import classes from './overview.module.css';
import { ByModelPanel, ByServicePanel, CostByServicePanel, CostPanel, ErrorsPanel, RequestsPanel, TokensPanel, type PanelProps } from './panels';
import { Toolbar } from './Toolbar';
import { figuresOf, useView, type PanelID } from './view';

const WhatChanged = lazy(() => import('./WhatChanged').then((m) => ({ default: m.WhatChanged })));
const Models = lazy(() => import('./ModelsTable').then((m) => ({ default: m.ModelsTable })));

/** Below the fold: its table is loaded when it comes into sight. */
function ModelsTable(p: PanelProps) {
  return <Suspense fallback={<Loading height={p.height} />}><Models {...p} /></Suspense>;
}

const panels: Record<PanelID, ComponentType<PanelProps>> = {
  requests: RequestsPanel, latency: LatencyPanel, errors: ErrorsPanel, ttft: TTFTPanel, heatmap: HeatmapPanel, speed: SpeedPanel, tokens: TokensPanel, cost: CostPanel, models: ModelsTable, by_model: ByModelPanel, latency_by_model: LatencyByModelPanel, active: ActivePanel, cost_by_service: CostByServicePanel, by_service: ByServicePanel, quality: QualityPanel,
};

export default function View() {
  const t = messages.useT();
  const c = common.useT();
  const scene = useScene();
  const view = useView();
  const bands = useBands(scene);
  const [kiosk] = useParam('kiosk');
  const [asked] = useParam('explain');
  const wall = kiosk === '1';
  const totals = useTotals(scene);
  const silent = totals.now.data === null && !totals.now.isPlaceholderData;
  const height = useChartHeight(wall);
  const chosen = dimensions.flatMap((d) => (scene.choice[d].length > 0 ? [`${c(d)}: ${scene.choice[d].join(', ')}`] : []));
  return (
    <Stack gap={10}>
      <h1 style={hidden}>{c('overview')}</h1>
      <Attention />
      {!wall && <Toolbar scene={scene} view={view} />}
      {wall && chosen.length > 0 && <Text size="sm" c="dimmed">{chosen.join(' · ')}</Text>}
      {silent ? (
        <Empty height={320} title={t('noCalls')} hint={t('noCallsHint')} action={<Group gap="md"><Link to="/setup" size="sm">{t('connect')}</Link><Link to="/status/doctor" size="sm">{t('doctor')}</Link></Group>} />
      ) : (
        <>
          <Figures scene={scene} ids={figuresOf[view.role]} />
          {view.shown.length === 0 && <Empty height={160} title={t('nothingShown')} hint={t('nothingShownHint')} action={<Button size="xs" variant="light" onClick={view.reset}>{t('reset')}</Button>} />}
          <div className={classes.grid}>
            {view.shown.map((id) => {
              const P = panels[id];
              return (
                <InView key={id} height={height + 90} className={classes.cell} kind={id === 'models' ? 'wide' : undefined}>
                  <P scene={scene} bands={bands} height={height} />
                </InView>
              );
            })}
          </div>
        </>
      )}
      {asked !== '' && <Suspense fallback={null}><WhatChanged scene={scene} /></Suspense>}
    </Stack>
  );
}

const hidden: React.CSSProperties = { position: 'absolute', width: 1, height: 1, overflow: 'hidden', clipPath: 'inset(50%)', margin: 0 };

/** On a wall, three rows of panels fill the height; elsewhere charts have one that reads well. */
function useChartHeight(wall: boolean): number {
  const { height } = useViewportSize();
  return wall && height > 0 ? Math.min(420, Math.max(150, Math.floor((height - 240) / 3 - 112))) : 190;
}
