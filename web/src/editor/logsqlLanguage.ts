// The colours of LogsQL: a tokenizer for the eye, not a parser.

import { StreamLanguage, type StreamParser } from '@codemirror/language';

const words = /^(?:and|or|not|in|by|if|as|from|at|with|hits|desc|asc|partition|contains_any|contains_all|range|len_range|string_range|ipv4_range|exact|seq|value_type|eq_field|AND|OR|NOT)\b/;

interface State {
  /** After a |: the next word is the name of a pipe. */
  pipe: boolean;
}

export const logsqlParser: StreamParser<State> = {
  name: 'logsql',
  startState: () => ({ pipe: false }),
  token(stream, state) {
    if (stream.eatSpace()) return null;
    if (stream.match(/^#.*/)) return 'comment';
    if (stream.match(/^"(?:[^"\\]|\\.)*"?(?=:)/) || stream.match(/^[\p{L}_@][\p{L}\p{N}_.@/-]*(?=:)/u)) return 'propertyName';
    if (stream.match(/^"(?:[^"\\]|\\.)*"?/) || stream.match(/^'(?:[^'\\]|\\.)*'?/) || stream.match(/^`[^`]*`?/)) return 'string';
    if (stream.match('|')) {
      state.pipe = true;
      return 'operator';
    }
    if (state.pipe && stream.match(/^[a-z_]+/)) {
      state.pipe = false;
      return 'keyword';
    }
    state.pipe = false;
    if (stream.match(words)) return 'keyword';
    if (stream.match(/^[a-z_]+(?=\()/)) return 'variableName.function';
    if (stream.match(/^-?\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d|w|y|KB|MB|GB|KiB|MiB|GiB)?\b/)) return 'number';
    if (stream.match(/^[\p{L}\p{N}_.@/-]+/u)) return null;
    stream.next();
    return null;
  },
  languageData: { closeBrackets: { brackets: ['(', '[', '{', "'", '"', '`'] }, commentTokens: { line: '#' } },
};

export const logsqlLanguage = StreamLanguage.define(logsqlParser);
