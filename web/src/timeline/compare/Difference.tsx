import { Button, Text } from '@mantine/core';
import { useMemo, useState } from 'react';
import classes from './difference.module.css';
import { diffLines, type DiffRow, type Span } from './diff';
import { comparing } from './messages';

const context = 3;
const page = 800;

type Item = { row: DiffRow } | { hidden: number; at: number };

/** Rows with long runs of same lines folded. */
function folded(rows: readonly DiffRow[], open: ReadonlySet<number>): Item[] {
  const out: Item[] = [];
  for (let i = 0; i < rows.length; ) {
    let end = i;
    while (end < rows.length && rows[end]?.kind === 'same') end++;
    const length = end - i;
    if (length > 2 * context + 2 && !open.has(i)) {
      const head = i === 0 ? 0 : context;
      const tail = end === rows.length ? 0 : context;
      for (let k = i; k < i + head; k++) out.push({ row: rows[k] as DiffRow });
      out.push({ hidden: length - head - tail, at: i });
      for (let k = end - tail; k < end; k++) out.push({ row: rows[k] as DiffRow });
      i = end;
    } else if (length > 0) {
      for (let k = i; k < end; k++) out.push({ row: rows[k] as DiffRow });
      i = end;
    } else out.push({ row: rows[i++] as DiffRow });
  }
  return out;
}

/** Two texts side by side, with what differs marked by sign and colour. */
export function Difference({ a, b, label }: { a: string; b: string; label: string }) {
  const t = comparing.useT();
  const rows = useMemo(() => diffLines(a, b), [a, b]);
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const [shown, setShown] = useState(page);
  const items = useMemo(() => folded(rows, open), [rows, open]);
  const many = { add: 0, del: 0, change: 0 };
  for (const r of rows) if (r.kind !== 'same') many[r.kind]++;
  if (a === '' && b === '') return <Text size="sm" c="dimmed">{t('bothEmpty')}</Text>;
  if (many.add + many.del + many.change === 0) return <Text size="sm" c="dimmed">{t('same')}</Text>;
  return (
    <div>
      <Text size="xs" c="dimmed" mb={4}>{t('lines', many)} · {t('rawHint')}</Text>
      <div className={classes.diff} role="table" aria-label={label} tabIndex={0}>
        {items.slice(0, shown).map((item, i) =>
          'hidden' in item ? (
            <div key={`h${item.at}`} className={classes.hidden}><button type="button" onClick={() => setOpen(new Set([...open, item.at]))}>⋯ {t('sameLines', { count: item.hidden })}</button></div>
          ) : (
            <div key={i} role="row" className={classes.row}>
              <Side spans={item.row.a} line={item.row.lineA} sign={item.row.kind === 'same' ? ' ' : '−'} kind={item.row.kind === 'same' ? 'same' : 'del'} />
              <Side spans={item.row.b} line={item.row.lineB} sign={item.row.kind === 'same' ? ' ' : '+'} kind={item.row.kind === 'same' ? 'same' : 'add'} />
            </div>
          ),
        )}
      </div>
      {items.length > shown && <Button size="compact-xs" variant="subtle" mt={4} onClick={() => setShown(shown + page)}>{t('moreLines', { count: items.length - shown })}</Button>}
    </div>
  );
}

function Side({ spans, line, sign, kind }: { spans: readonly Span[] | undefined; line: number | undefined; sign: string; kind: 'same' | 'del' | 'add' }) {
  if (spans === undefined) return <div role="cell" className={classes.side} data-kind="none" />;
  return (
    <div role="cell" className={classes.side} data-kind={kind}>
      <span className={classes.line} aria-hidden="true">{line}</span>
      <span className={classes.sign}>{sign}</span>
      <span className={classes.text}>{spans.map((s, i) => (s.changed ? <mark key={i} data-kind={kind}>{s.text}</mark> : <span key={i}>{s.text}</span>))}</span>
    </div>
  );
}
