import { PromQLExtension } from '@prometheus-io/codemirror-promql';
import { useEffect, useMemo } from 'react';
import { CodeEditor, type CodeEditorProps } from './CodeEditor';

/** PromQL with completion from this server and with linting. */
export default function PromQL(props: CodeEditorProps) {
  const promql = useMemo(() => new PromQLExtension().setComplete({ remote: { url: '', httpMethod: 'GET', lookbackInterval: 6 * 3600_000 } }), []);
  useEffect(() => () => promql.destroy(), [promql]);
  const language = useMemo(() => promql.asExtension(), [promql]);
  return <CodeEditor {...props} language={language} />;
}
