import { Tooltip } from '@mantine/core';
import type { ReactNode } from 'react';
import { count, duration, format, unknown } from '~/format/number';
import { common } from '~/i18n/common';
import { timeline } from './messages';
import type { StreamModel } from './model';
import classes from './timeline.module.css';

function Number_({ name, value, note, hint }: { name: string; value: ReactNode; note?: ReactNode; hint?: string }) {
  return (
    <Tooltip label={hint} disabled={hint === undefined} multiline maw={300} openDelay={300}>
      <div className={classes.number}>
        <div className={classes.numberName}>{name}</div>
        <div className={classes.numberValue}>{value}{note !== undefined && <span className={classes.numberNote}>{note}</span>}</div>
      </div>
    </Tooltip>
  );
}

export function Numbers({ model }: { model: StreamModel }) {
  const t = timeline.useT();
  const c = common.useT();
  const s = model.stats;
  const all = model.call.chunks ?? (s.chunks > 0 ? s.chunks : undefined);
  return (
    <div className={classes.numbers}>
      {(model.missing === undefined || model.ttft !== undefined) && <Number_ name={c('ttft')} value={duration(model.ttft)} hint={c('ttftLong')} />}
      <Number_ name={t('effective')} value={format(model.call.tokens_per_second, 'tokens_per_second')} hint={t('effectiveHint')} />
      {model.missing === undefined && (
        <>
          <Number_ name={t('chunks')} value={all === undefined ? unknown : s.chunks > 0 && s.withContent !== all ? t('ofAll', { some: count(s.withContent), all: count(all) }) : count(all)} hint={t('chunksHint')} />
          <Number_ name={t('medianGap')} value={duration(s.median)} hint={t('gapHint')} />
          <Number_ name={t('p95Gap')} value={duration(s.p95)} hint={t('gapHint')} />
          <Number_ name={t('p99Gap')} value={duration(s.p99)} hint={t('gapHint')} />
          <Number_ name={t('longest')} value={duration(s.longest?.seconds)} note={s.median === undefined ? undefined : s.stalls.length > 0 ? t('stalls', { count: s.stalls.length }) : t('noStalls')} hint={t('stallHint')} />
        </>
      )}
      <Number_ name={t('overhead')} value={duration(model.call.gateway_overhead_seconds)} hint={t('overheadHint')} />
    </div>
  );
}
