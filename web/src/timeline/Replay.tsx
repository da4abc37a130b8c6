// The controls of a replay and the answer as it came.

import { ActionIcon, SegmentedControl, Text, Tooltip } from '@mantine/core';
import { useReducedMotion } from '@mantine/hooks';
import { IconPlayerPauseFilled, IconPlayerPlayFilled } from '@tabler/icons-react';
import { useEffect, useRef } from 'react';
import { duration } from '~/format/number';
import { timeline } from './messages';
import type { StreamModel } from './model';
import { replayKey, speeds, useMoment, usePlaying, type Replay } from './replay';
import { bytesAt } from './stats';
import { shownAt } from './text';
import classes from './timeline.module.css';

export function ReplayControls({ replay }: { replay: Replay }) {
  const t = timeline.useT();
  const { playing, speed } = usePlaying(replay);
  const moment = useMoment(replay);
  return (
    <div className={classes.controls} role="group" aria-label={t('replay')}>
      <Tooltip label={playing ? t('pause') : t('play')}>
        <ActionIcon size="md" radius="xl" variant="filled" aria-label={playing ? t('pause') : t('play')} onClick={() => replay.toggle()}>
          {playing ? <IconPlayerPauseFilled size={14} /> : <IconPlayerPlayFilled size={14} />}
        </ActionIcon>
      </Tooltip>
      <SegmentedControl size="xs" aria-label={t('speedOf')} value={String(speed)} onChange={(v) => replay.setSpeed(Number(v))} data={speeds.map((s) => ({ value: String(s), label: `${s}×` }))} />
      <input
        type="range"
        className={classes.scrub}
        aria-label={t('position')}
        aria-valuetext={duration(moment)}
        min={0}
        max={replay.duration}
        step="any"
        value={moment}
        onChange={(e) => replay.seek(Number(e.currentTarget.value))}
        onKeyDown={(e) => { if (replayKey(replay, e)) e.preventDefault(); }}
      />
      <span className={classes.clock}>{duration(moment)} / {duration(replay.duration)}</span>
    </div>
  );
}

export function ReplayText({ model, replay, maxHeight }: { model: StreamModel; replay: Replay; maxHeight?: number }) {
  const t = timeline.useT();
  const still = useReducedMotion();
  const moment = useMoment(replay, still ? 4 : 30);
  const { playing } = usePlaying(replay);
  const box = useRef<HTMLDivElement>(null);
  const all = model.stats.contentBytes;
  const ended = moment >= replay.duration || moment >= model.duration;
  // Chunks without a tick came after the last one that has one.
  const come = ended ? all : bytesAt(model.ticks, moment);
  const shown = shownAt(model.script, come, model.lost > 0 && !ended ? Math.max(all, model.script.total) : all);
  const complete = ended && all === 0 ? shownAt(model.script, 1, 1) : shown;
  const length = complete.reduce((n, p) => n + p.text.length, 0);
  useEffect(() => {
    const el = box.current;
    if (el !== null && playing) el.scrollTop = el.scrollHeight;
  }, [length, playing]);
  if (model.script.total === 0) return <Text size="xs" c="dimmed">{t('noText')}</Text>;
  const differs = model.lost === 0 && all > 0 && Math.abs(model.script.total - all) > Math.max(4, all * 0.02);
  const names: Record<string, string> = { reasoning: t('reasoning'), tool: t('toolCall'), refusal: t('refusal') };
  return (
    <div>
      <div ref={box} className={classes.answer} style={maxHeight === undefined ? undefined : { maxHeight }} role="group" aria-label={t('answer')} tabIndex={0}>
        {complete.length === 0 && <Text size="xs" c="dimmed">{playing ? t('waiting') : t('nothingYet')}</Text>}
        {complete.map((p, i) => (
          <span key={i} className={classes.piece} data-kind={p.kind}>
            {p.kind !== 'text' && <span className={classes.pieceName}>{names[p.kind]}{p.name !== undefined && p.name !== '' && <> · <b>{p.name}</b></>}</span>}
            {p.text}
            {!ended && i === complete.length - 1 && <span className={classes.caret} aria-hidden="true" />}
          </span>
        ))}
      </div>
      {differs && <Text size="xs" c="dimmed" mt={4}>{t('proportion')}</Text>}
    </div>
  );
}
