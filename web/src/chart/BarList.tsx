import { Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { format, type Unit } from '~/format/number';
import classes from './barlist.module.css';

export interface Bar {
  key: string;
  name: ReactNode;
  value: number | null | undefined;
  colour: string;
  /** Beside the value. */
  note?: ReactNode;
  /** Parts of the value, drawn one after the other. */
  parts?: { name: string; value: number; colour: string }[];
}

/** One bar a name, the longest first. The values are written, so that nothing depends on seeing the bars. */
export function BarList({ bars, unit, label, sorted = true, most = 20 }: { bars: readonly Bar[]; unit: Unit; label: string; sorted?: boolean; most?: number }) {
  const max = Math.max(0, ...bars.map((b) => b.value ?? 0));
  const list = (sorted ? [...bars].sort((a, b) => (b.value ?? -Infinity) - (a.value ?? -Infinity)) : [...bars]).slice(0, most);
  return (
    <ul className={classes.list} aria-label={label}>
      {list.map((b) => (
        <li key={b.key} className={classes.item}>
          <div className={classes.line}>
            <Text size="xs" truncate component="span">{b.name}</Text>
            <Text size="xs" fw={600} component="span" className="num">{format(b.value, unit)}{b.note !== undefined && <> <span className="dim">{b.note}</span></>}</Text>
          </div>
          <div className={classes.track} aria-hidden="true">
            {(b.parts ?? [{ name: '', value: b.value ?? 0, colour: b.colour }]).map((p) => (
              <span key={p.name} className={classes.bar} title={p.name === '' ? undefined : `${p.name}: ${format(p.value, unit)}`} style={{ width: `${max > 0 ? Math.max(0, (p.value / max) * 100) : 0}%`, background: p.colour }} />
            ))}
          </div>
        </li>
      ))}
      {bars.length > most && <li className="dim">+{bars.length - most}</li>}
    </ul>
  );
}
