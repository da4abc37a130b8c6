import { VisuallyHidden } from '@mantine/core';
import { count, percent } from '~/format/number';
import type { Chosen } from './filter';
import { quality } from './messages';
import classes from './quality.module.css';

/** Ten bars; each is a button that narrows the list to its scores. */
export function Distribution({ counts, chosen, onChoose }: { counts: number[]; chosen: Chosen; onChoose: (min: number, max: number) => void }) {
  const t = quality.useT();
  const total = counts.reduce((a, b) => a + b, 0);
  const top = Math.max(1, ...counts);
  return (
    <div className={classes.bars} role="group" aria-label={t('distribution')}>
      {counts.map((n, i) => {
        const from = i / 10;
        const to = (i + 1) / 10;
        const active = chosen.min === from && chosen.max === to;
        const label = t('bucketLabel', { from, to, count: n, n: count(n), share: percent(total === 0 ? undefined : n / total) });
        return (
          <button key={i} type="button" className={classes.bar} aria-pressed={active} title={label} onClick={() => (active ? onChoose(0, 1) : onChoose(from, to))}>
            <VisuallyHidden>{label}</VisuallyHidden>
            <span className={classes.number} aria-hidden="true">{n > 0 ? percent(n / total) : ''}</span>
            <span className={classes.fill} style={{ height: `${(n / top) * 84}px` }} />
            <span className={classes.tick} aria-hidden="true">{from}</span>
          </button>
        );
      })}
    </div>
  );
}
