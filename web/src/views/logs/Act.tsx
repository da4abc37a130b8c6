import type { ReactNode } from 'react';
import classes from './logs.module.css';

/** A small button with an icon; plain, because a row of fields has hundreds of them. */
export function Act({ label, pressed, onClick, children }: { label: string; pressed?: boolean; onClick: () => void; children: ReactNode }) {
  return <button type="button" className={classes.act} aria-label={label} title={label} aria-pressed={pressed} onClick={onClick}>{children}</button>;
}
