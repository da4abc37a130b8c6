import { parser } from '@prometheus-io/lezer-promql';
import { highlightCode } from '@lezer/highlight';
import type { ReactNode } from 'react';
import { classNames } from './theme';
import classes from './highlight.module.css';

/** An expression with colours, to read. */
export default function HighlightedPromQL({ expr }: { expr: string }) {
  const out: ReactNode[] = [];
  highlightCode(
    expr,
    parser.parse(expr),
    classNames,
    (text, names) => { out.push(names === '' ? text : <span key={out.length} className={names.split(' ').map((n) => classes[n]).join(' ')}>{text}</span>); },
    () => { out.push('\n'); },
  );
  return <code className={classes.code}>{out}</code>;
}
