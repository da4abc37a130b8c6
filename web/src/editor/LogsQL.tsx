import { insertCompletionText, startCompletion, type Completion, type CompletionContext, type CompletionResult } from '@codemirror/autocomplete';
import type { EditorView } from '@codemirror/view';
import { useMemo, useRef } from 'react';
import { quote } from '~/api/logsql';
import { short } from '~/format/number';
import { CodeEditor, type CodeEditorProps } from './CodeEditor';
import { fieldName, functions, operators, pipes, placeOf, type LogsQLSource } from './logsqlComplete';
import { logsqlLanguage } from './logsqlLanguage';

const anyWord = /^[\p{L}\p{N}_.@/"-]*$/u;

/** Puts a text in and offers at once what may follow it. */
function thenMore(text: string) {
  return (view: EditorView, _: Completion, from: number, to: number) => {
    view.dispatch(insertCompletionText(view.state, text, from, to));
    startCompletion(view);
  };
}

async function fieldsAt(source: LogsQLSource, from: number, suffix: string, more: Completion[] = []): Promise<CompletionResult> {
  const fields = await source.fields();
  return {
    from,
    validFor: anyWord,
    options: [
      ...fields.map((f): Completion => ({ label: f.name, apply: suffix === '' ? fieldName(f.name) : thenMore(fieldName(f.name) + suffix), detail: short(f.hits), type: 'property', boost: Math.min(20, Math.log10(f.hits + 1)) })),
      ...more,
    ],
  };
}

async function complete(ctx: CompletionContext, source: LogsQLSource): Promise<CompletionResult | null> {
  const place = placeOf(ctx.state.sliceDoc(0, ctx.pos));
  switch (place.kind) {
    case 'none':
      return null;
    case 'word':
      if (!ctx.explicit && ctx.pos === place.from) return null;
      return fieldsAt(source, place.from, ':', ['and', 'or', 'not'].map((w) => ({ label: w, type: 'keyword', boost: -5 })));
    case 'field':
      return fieldsAt(source, place.from, '');
    case 'pipe':
      return { from: place.from, validFor: /^\w*$/, options: pipes.map((p) => ({ label: p.name, detail: p.detail, apply: thenMore(p.name + ' '), type: 'keyword' })) };
    case 'function':
      if (!ctx.explicit && ctx.pos === place.from) return null;
      return { from: place.from, validFor: /^\w*$/, options: [...functions.map((f) => ({ label: f, apply: f + '(', type: 'function' })), { label: 'by', apply: 'by (', type: 'keyword' }] };
    case 'value': {
      if (place.operator.startsWith('<') || place.operator.startsWith('>') || place.field === '_time') return null;
      const values = await source.values(place.field, place.prefix);
      if (ctx.aborted) return null;
      const own: Completion[] = place.operator === '' && place.prefix === '' ? operators.map((o) => ({ label: o.name, detail: o.detail, type: 'keyword', boost: -50 })) : [];
      const exact = place.operator === '' ? '=' : '';
      return {
        from: place.from,
        options: [...values.map((v, i): Completion => ({ label: v.value === '' ? '""' : v.value, apply: exact + quote(v.value) + (place.operator.includes('(') ? '' : ' '), detail: short(v.hits), type: 'text', boost: 50 - Math.min(i, 90) })), ...own],
        filter: true,
      };
    }
  }
}

/** LogsQL with completion of fields, values, operators, pipes and functions. */
export default function LogsQL({ source, ...props }: CodeEditorProps & { source: LogsQLSource }) {
  const latest = useRef(source);
  latest.current = source;
  const language = useMemo(() => [logsqlLanguage, logsqlLanguage.data.of({ autocomplete: async (ctx: CompletionContext) => complete(ctx, latest.current).catch(() => null) })], []);
  return <CodeEditor {...props} language={language} />;
}
