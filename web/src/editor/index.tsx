// The editors, loaded only where they are shown. Until then, and where their
// code cannot be had, a plain field does the same.

import { Textarea } from '@mantine/core';
import { lazy, Suspense, useState } from 'react';
import type { CodeEditorProps } from './CodeEditor';
import type { LogsQLSource } from './logsqlComplete';
import classes from './highlight.module.css';

export type { CodeEditorProps, EditorProblem } from './CodeEditor';
export type { LogsQLSource } from './logsqlComplete';

const PromQL = lazy(() => import('./PromQL'));
const LogsQL = lazy(() => import('./LogsQL'));
const Highlighted = lazy(() => import('./HighlightedPromQL'));

function Plain({ value, onChange, onRun, label, placeholder, onFocused }: CodeEditorProps & { onFocused: (focused: boolean) => void }) {
  return (
    <Textarea
      size="xs" autosize minRows={1} style={{ flex: 1, minWidth: 0 }} value={value} aria-label={label} placeholder={placeholder}
      styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: 13 } }}
      onChange={(e) => onChange(e.currentTarget.value)}
      onFocus={() => onFocused(true)}
      onBlur={() => onFocused(false)}
      onKeyDown={(e) => { if (e.key === 'Enter' && !e.shiftKey) { e.preventDefault(); onRun(value); } }}
    />
  );
}

/** Who began to type before the editor was there goes on in it. */
function useHandover(props: CodeEditorProps) {
  const [focused, onFocused] = useState(false);
  return { fallback: <Plain {...props} onFocused={onFocused} />, autoFocus: props.autoFocus === true || focused };
}

export function PromQLEditor(props: CodeEditorProps) {
  const { fallback, autoFocus } = useHandover(props);
  return <Suspense fallback={fallback}><PromQL {...props} autoFocus={autoFocus} /></Suspense>;
}

/** `source` gives the fields and values to complete; keep it the same between renders. */
export function LogsQLEditor(props: CodeEditorProps & { source: LogsQLSource }) {
  const { fallback, autoFocus } = useHandover(props);
  return <Suspense fallback={fallback}><LogsQL {...props} autoFocus={autoFocus} /></Suspense>;
}

/** An expression to read, with colours once their code is here. */
export function PromQLText({ expr }: { expr: string }) {
  return <Suspense fallback={<code className={classes.code}>{expr}</code>}><Highlighted expr={expr} /></Suspense>;
}
