// How the editors look: the colours of the page, in both themes.

import { HighlightStyle } from '@codemirror/language';
import { EditorView } from '@codemirror/view';
import { tagHighlighter, tags } from '@lezer/highlight';

const mono = 'var(--mantine-font-family-monospace)';
const line = 'light-dark(var(--mantine-color-gray-4), var(--mantine-color-dark-4))';
const body = 'light-dark(#fff, var(--mantine-color-dark-6))';

export const ink = {
  keyword: 'light-dark(#862e9c, #e599f7)',
  function: 'light-dark(#0b5394, #8ecbff)',
  string: 'light-dark(#22662e, #8ce99a)',
  number: 'light-dark(#9c3600, #ffc078)',
  label: 'light-dark(#0b7285, #66d9e8)',
  comment: 'light-dark(#5c636a, #a6adb4)',
  invalid: 'light-dark(#c92a2a, #ff8787)',
} as const;

export const editorTheme = EditorView.theme({
  '&': { fontSize: '13px', backgroundColor: body, border: `1px solid ${line}`, borderRadius: '4px', color: 'var(--mantine-color-text)', minWidth: '0' },
  '&.cm-focused': { outline: '2px solid var(--mantine-primary-color-filled)', outlineOffset: '-1px' },
  '.cm-scroller': { fontFamily: mono, lineHeight: '1.55' },
  '.cm-content': { padding: '5px 0', caretColor: 'var(--mantine-color-text)', minHeight: '20px' },
  '.cm-line': { padding: '0 8px' },
  '.cm-cursor': { borderLeftColor: 'var(--mantine-color-text)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'light-dark(#c5e3f6, #2b4a63)' },
  '.cm-placeholder': { color: ink.comment },
  '&.cm-focused .cm-matchingBracket': { backgroundColor: 'light-dark(#d3f9d8, #2b5a3a)', outline: 'none' },
  '&.cm-focused .cm-nonmatchingBracket': { backgroundColor: 'light-dark(#ffe3e3, #6b2a2a)' },
  '.cm-tooltip': { backgroundColor: body, border: `1px solid ${line}`, borderRadius: '6px', boxShadow: '0 4px 14px rgba(0, 0, 0, 0.2)', zIndex: '300' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: mono, fontSize: '12.5px', maxHeight: '260px' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '2px 8px', display: 'flex', gap: '8px', alignItems: 'baseline' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]': { backgroundColor: 'light-dark(#d0ebff, #1f4e68)', color: 'var(--mantine-color-text)' },
  '.cm-completionLabel': { flex: '1' },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: '700' },
  '.cm-completionDetail': { fontStyle: 'normal', color: ink.comment, marginLeft: '0', fontSize: '11px' },
  '.cm-completionIcon': { display: 'none' },
  '.cm-tooltip.cm-completionInfo': { padding: '6px 8px', maxWidth: '340px', fontSize: '12px', fontFamily: 'var(--mantine-font-family)' },
  '.cm-diagnostic': { padding: '4px 8px', fontSize: '12px', whiteSpace: 'pre-wrap', maxWidth: '480px' },
  // No picture for the wavy line: the page's policy is strict.
  '.cm-lintRange-error': { backgroundImage: 'none', textDecoration: `underline wavy ${ink.invalid}`, textUnderlineOffset: '3px' },
  '.cm-lintRange-warning, .cm-lintRange-info, .cm-lintRange-hint': { backgroundImage: 'none', textDecoration: `underline dotted ${ink.number}`, textUnderlineOffset: '3px' },
  '.cm-diagnostic-error': { borderLeft: `3px solid ${ink.invalid}` },
});

const rules = [
  { tag: tags.keyword, colour: ink.keyword, name: 'keyword' },
  { tag: tags.operatorKeyword, colour: ink.keyword, name: 'keyword' },
  { tag: tags.modifier, colour: ink.keyword, name: 'keyword' },
  { tag: tags.logicOperator, colour: ink.keyword, name: 'keyword' },
  { tag: tags.function(tags.variableName), colour: ink.function, name: 'function' },
  { tag: tags.string, colour: ink.string, name: 'string' },
  { tag: tags.number, colour: ink.number, name: 'number' },
  { tag: tags.labelName, colour: ink.label, name: 'label' },
  { tag: tags.propertyName, colour: ink.label, name: 'label' },
  { tag: tags.comment, colour: ink.comment, name: 'comment' },
  { tag: tags.invalid, colour: ink.invalid, name: 'invalid' },
] as const;

/** For the editors. */
export const highlightStyle = HighlightStyle.define(rules.map((r) => ({ tag: r.tag, color: r.colour })));

/** For expressions that are only shown: names of the classes of highlight.module.css. */
export const classNames = tagHighlighter(rules.map((r) => ({ tag: r.tag, class: r.name })));
