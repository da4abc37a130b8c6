// JSON with colours and folding. Text nodes only: what is in it can never run.

import { Box, UnstyledButton } from '@mantine/core';
import { useMemo, useState } from 'react';
import { CopyButton } from './Copy';
import classes from './json.module.css';

const folded = 60;
const maxText = 20_000;

function Value({ v, depth, open }: { v: unknown; depth: number; open: number }) {
  const [all, setAll] = useState(false);
  const [shown, setShown] = useState(depth < open);
  if (v === null) return <span className={classes.null}>null</span>;
  switch (typeof v) {
    case 'string': {
      const long = v.length > maxText && !all;
      return (
        <span className={classes.string}>
          "{long ? v.slice(0, maxText) : v}"{long && <UnstyledButton className={classes.more} onClick={() => setAll(true)}>… +{v.length - maxText}</UnstyledButton>}
        </span>
      );
    }
    case 'number': return <span className={classes.number}>{String(v)}</span>;
    case 'boolean': return <span className={classes.boolean}>{String(v)}</span>;
    case 'object': break;
    default: return <span>{String(v)}</span>;
  }
  const list = Array.isArray(v);
  const entries: [string, unknown][] = list ? (v as unknown[]).map((e, i) => [String(i), e]) : Object.entries(v as object);
  if (entries.length === 0) return <span>{list ? '[]' : '{}'}</span>;
  const some = all ? entries : entries.slice(0, folded);
  return (
    <span>
      <UnstyledButton className={classes.fold} aria-expanded={shown} onClick={() => setShown(!shown)}>{shown ? '▾' : '▸'} {list ? '[' : '{'}{!shown && <span className={classes.count}> {entries.length} {list ? ']' : '}'}</span>}</UnstyledButton>
      {shown && (
        <>
          <Box pl={14}>
            {some.map(([k, e]) => (
              <div key={k}>
                {!list && <><span className={classes.key}>"{k}"</span>: </>}
                <Value v={e} depth={depth + 1} open={open} />
              </div>
            ))}
            {some.length < entries.length && <UnstyledButton className={classes.more} onClick={() => setAll(true)}>… +{entries.length - some.length}</UnstyledButton>}
          </Box>
          {list ? ']' : '}'}
        </>
      )}
    </span>
  );
}

/** The value as text, for the clipboard; what is nested too deeply to be written is left out. */
function written(value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value, null, 2) ?? '';
  } catch {
    return '';
  }
}

/** Shows a value; a text that is JSON is shown as that. */
export function Json({ value, open = 2, maxHeight = 420 }: { value: unknown; open?: number; maxHeight?: number | string }) {
  let v = value;
  if (typeof value === 'string') {
    try {
      v = JSON.parse(value);
    } catch {
      v = value;
    }
  }
  const text = useMemo(() => written(value), [value]);
  return (
    <Box className={classes.json} mah={maxHeight} tabIndex={0} role="group" aria-label="JSON">
      <Box pos="absolute" top={2} right={2}><CopyButton text={text} /></Box>
      <Value v={v} depth={0} open={open} />
    </Box>
  );
}
