// The token timeline: when each chunk of an answer came, how fast, what it waited
// for, and the answer again as it appeared.

import { Group, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { get } from '~/api/client';
import type { Breakdown, Call } from '~/api/types';
import { bytes, count, duration } from '~/format/number';
import { Failure } from '~/ui/states';
import { timeline } from './messages';
import { streamModel, type StreamModel } from './model';
import { Numbers } from './Numbers';
import { Phases } from './Phases';
import { place } from './phases';
import { ReplayControls, ReplayText } from './Replay';
import { useReplay } from './replay';
import { TimelineChart } from './TimelineChart';
import type { View } from './view';

/** Where the time of a call went, as the server tells it. */
export function useBreakdown(id: string) {
  return useQuery({ queryKey: ['breakdown', id], queryFn: ({ signal }) => get<Breakdown>(`/calls/${encodeURIComponent(id)}/breakdown`, {}, signal), staleTime: Infinity });
}

export function useTimelineLabel(): (m: StreamModel) => string {
  const t = timeline.useT();
  return (m) => t('label', { model: m.call.response_model ?? m.call.request_model ?? m.call.id, chunks: count(m.call.chunks ?? m.ticks.at.length), duration: duration(m.duration), ttft: duration(m.ttft), stalls: m.stats.stalls.length });
}

export function TokenTimeline({ call }: { call: Call }) {
  const t = timeline.useT();
  const label = useTimelineLabel();
  const model = useMemo(() => streamModel(call), [call]);
  const breakdown = useBreakdown(call.id);
  const replay = useReplay(model.duration);
  const [zoomed, setZoomed] = useState<{ id: string; view: View }>();
  const view = zoomed?.id === call.id ? zoomed.view : { from: 0, to: model.duration };
  const segments = useMemo(() => (breakdown.data === undefined ? [] : place(breakdown.data, { duration: model.duration, ttft: model.ttft, last: model.stats.last })), [breakdown.data, model]);
  const streamed = model.missing === undefined;
  return (
    <Stack gap="xs" role="group" aria-label={t('title')}>
      <Numbers model={model} />
      {model.missing !== undefined && <Text size="sm" c="dimmed">{t(model.missing)}</Text>}
      <div style={{ paddingTop: 20 }}>
        <TimelineChart model={model} segments={segments} whole={model.duration} view={view} onView={(v) => setZoomed({ id: call.id, view: v })} replay={replay} label={label(model)} />
      </div>
      {streamed && (
        <>
          <ReplayControls replay={replay} />
          <ReplayText model={model} replay={replay} />
          <SpeedNote model={model} view={view} />
        </>
      )}
      {breakdown.error !== null && breakdown.data === undefined ? <Failure error={breakdown.error} compact retry={() => void breakdown.refetch()} /> : breakdown.data !== undefined && (
        <div>
          <Group gap="xs"><Text size="xs" fw={600} mb={2}>{t('phases')}</Text></Group>
          <Phases breakdown={breakdown.data} />
        </div>
      )}
    </Stack>
  );
}

/** How the speed was made, and what the chart does not hold. */
function SpeedNote({ model, view }: { model: StreamModel; view: View }) {
  const t = timeline.useT();
  const window = Math.max((view.to - view.from) / 32, 6 * (model.stats.median ?? 0), 0.02);
  return (
    <Text size="xs" c="dimmed">
      {t('hint')} {model.tokensPerByte === undefined ? t('tokensUnknown', { window: duration(window) }) : t('tokensByBytes', { tokens: count(model.tokensPerByte * (model.lost > 0 ? model.script.total : model.stats.contentBytes)), bytes: bytes(model.lost > 0 ? model.script.total : model.stats.contentBytes), window: duration(window) })}
      {model.lost > 0 && <> {t('lost', { count: model.lost })}</>}
    </Text>
  );
}
