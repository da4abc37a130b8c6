import type { Row } from '~/api/logsql';
import { levelOf } from './logs';
import { m } from './messages';
import classes from './logs.module.css';

/** The level of a row in a word with its colour. Plain elements: there are many. */
export function LevelMark({ row }: { row: Row }) {
  const t = m.useT();
  const level = levelOf(row);
  if (level === undefined) return null;
  return <span className={classes.mark} data-level={level} title={row.level ?? row.severity}>{t(level)}</span>;
}

export function KindMark({ kind }: { kind: string | undefined }) {
  const t = m.useT();
  const names: Record<string, string> = { log: t('kindLog'), call: t('kindCall'), span: t('kindSpan'), feedback: t('kindFeedback') };
  return <span className={classes.kind}>{names[kind ?? ''] ?? kind ?? ''}</span>;
}
