// One CodeMirror for all languages: Enter runs, Shift+Enter is a new line, Tab
// leaves (so that the keyboard is never trapped), Escape closes the completion.

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, completionStatus } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, insertNewlineAndIndent } from '@codemirror/commands';
import { bracketMatching, syntaxHighlighting } from '@codemirror/language';
import { lintKeymap, setDiagnostics, type Diagnostic } from '@codemirror/lint';
import { Compartment, EditorState, Prec, type Extension } from '@codemirror/state';
import { EditorView, keymap, placeholder as placeholderOf } from '@codemirror/view';
import { useEffect, useRef } from 'react';
import { nonce } from '~/app/nonce';
import { editorTheme, highlightStyle } from './theme';

export interface EditorProblem {
  /** Offsets in the text. */
  from: number;
  to: number;
  message: string;
}

export interface CodeEditorProps {
  value: string;
  onChange: (text: string) => void;
  /** Enter, or Ctrl/⌘ + Enter. */
  onRun: (text: string) => void;
  /** Its accessible name. */
  label: string;
  placeholder?: string;
  /** The field that `/` goes to. */
  search?: boolean;
  autoFocus?: boolean;
  /** What the server found wrong, where it says at which place. */
  problem?: EditorProblem;
  /** Gives access to insert text at the cursor. */
  onReady?: (insert: (text: string) => void) => void;
}

export function CodeEditor({ value, onChange, onRun, label, placeholder = '', search, autoFocus, problem, onReady, language }: CodeEditorProps & { language: Extension }) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef({ onChange, onRun });
  latest.current = { onChange, onRun };
  const slot = useRef(new Compartment());
  const attributes = useRef(new Compartment());

  useEffect(() => {
    if (host.current === null) return;
    const run = (v: EditorView) => {
      latest.current.onRun(v.state.doc.toString());
      return true;
    };
    const v = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: value,
        selection: { anchor: autoFocus ? value.length : 0 },
        extensions: [
          EditorView.cspNonce.of(nonce),
          Prec.highest(keymap.of([
            { key: 'Enter', run: (e) => completionStatus(e.state) !== 'active' && run(e), shift: insertNewlineAndIndent },
            { key: 'Mod-Enter', run },
          ])),
          history(),
          bracketMatching(),
          closeBrackets(),
          autocompletion({ icons: false, maxRenderedOptions: 200 }),
          keymap.of([...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...lintKeymap, ...defaultKeymap]),
          EditorView.lineWrapping,
          editorTheme,
          syntaxHighlighting(highlightStyle),
          slot.current.of(language),
          attributes.current.of([]),
          EditorView.updateListener.of((u) => {
            if (u.docChanged) latest.current.onChange(u.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = v;
    if (autoFocus) v.focus();
    onReady?.((text) => {
      const { from, to } = v.state.selection.main;
      v.dispatch({ changes: { from, to, insert: text }, selection: { anchor: from + text.length } });
      v.focus();
    });
    return () => {
      v.destroy();
      view.current = null;
    };
    // The editor lives as long as the component; what changes is handed to it below.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);

  useEffect(() => {
    view.current?.dispatch({ effects: slot.current.reconfigure(language) });
  }, [language]);

  useEffect(() => {
    view.current?.dispatch({
      effects: attributes.current.reconfigure([
        EditorView.contentAttributes.of({ 'aria-label': label, spellcheck: 'false', autocapitalize: 'off', ...(search ? { 'data-search': '' } : {}) }),
        placeholderOf(placeholder),
      ]),
    });
  }, [label, placeholder, search]);

  // A text from elsewhere (the history, a link, a button) replaces the one here.
  useEffect(() => {
    const v = view.current;
    if (v === null || v.state.doc.toString() === value) return;
    v.dispatch({ changes: { from: 0, to: v.state.doc.length, insert: value }, selection: { anchor: value.length } });
  }, [value]);

  useEffect(() => {
    const v = view.current;
    if (v === null) return;
    const size = v.state.doc.length;
    const list: Diagnostic[] = problem === undefined ? [] : [{ from: Math.min(problem.from, size), to: Math.min(Math.max(problem.to, problem.from), size), severity: 'error', message: problem.message }];
    v.dispatch(setDiagnostics(v.state, list));
  }, [problem]);

  return <div ref={host} style={{ flex: 1, minWidth: 0 }} />;
}
