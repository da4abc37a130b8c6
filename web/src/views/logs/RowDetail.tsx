import { Button, Group, SegmentedControl, Stack } from '@mantine/core';
import { IconArrowsDiagonal, IconColumns2, IconCopy, IconMinus, IconPlus } from '@tabler/icons-react';
import { useState } from 'react';
import type { Row } from '~/api/logsql';
import { common } from '~/i18n/common';
import { CopyButton, useCopy } from '~/ui/Copy';
import { Json } from '~/ui/Json';
import { Link } from '~/ui/Link';
import { Failure } from '~/ui/states';
import type { FieldActions } from './Fields';
import { Act } from './Act';
import { useWhole } from './data';
import { includes } from './logs';
import { m } from './messages';
import classes from './logs.module.css';

const last = new Set(['_stream', '_stream_id', 'has', 'id']);

/** Nested JSON of a field is shown as what it is. */
function nested(row: Row): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).map(([k, v]) => {
    if (!/^\s*[[{]/.test(v)) return [k, v];
    try {
      return [k, JSON.parse(v) as unknown];
    } catch {
      return [k, v];
    }
  }));
}

export function RowDetail({ row, onContext, query, onToggle, columns, onColumn }: { row: Row; onContext?: () => void } & FieldActions) {
  const t = m.useT();
  const c = common.useT();
  const copy = useCopy();
  const q = useWhole(row);
  const [view, setView] = useState<'table' | 'json'>('table');
  const whole = q.data ?? row;
  const names = Object.keys(whole).sort((a, b) => Number(last.has(a)) - Number(last.has(b)) || a.localeCompare(b));
  const trace = whole.trace_id ?? '';
  const call = whole.kind === 'call' ? whole.id : whole.call_id;
  return (
    <Stack gap={6}>
      <Group gap="xs">
        <SegmentedControl size="xs" value={view} onChange={(v) => setView(v as 'table' | 'json')} data={[{ value: 'table', label: t('table') }, { value: 'json', label: t('json') }]} />
        {trace !== '' && <Link to={`/traces/${trace}`} size="sm">{t('openTrace')}</Link>}
        {call !== undefined && call !== '' && <Link to={`/calls/${call}`} size="sm">{t('openCall')}</Link>}
        {onContext && <Button size="compact-xs" variant="default" leftSection={<IconArrowsDiagonal size={12} />} onClick={onContext}>{t('context')}</Button>}
        <CopyButton text={JSON.stringify(whole, null, 2)} />
      </Group>
      {q.error !== null && <Failure error={q.error} compact />}
      {view === 'json' ? <Json value={nested(whole)} open={1} /> : (
        <table className={classes.kv} aria-busy={q.isPending}>
          <tbody>
            {names.map((name) => {
              const value = whole[name] ?? '';
              const on = includes(query, name, value, false);
              const off = includes(query, name, value, true);
              const column = columns.includes(name);
              const long = value.length > 512;
              return (
                <tr key={name}>
                  <td>
                    {name !== '_time' && !long && (
                      <>
                        <Act label={t('include', { field: name, value })} pressed={on} onClick={() => onToggle(name, value, false)}><IconPlus size={12} /></Act>
                        <Act label={t('exclude', { field: name, value })} pressed={off} onClick={() => onToggle(name, value, true)}><IconMinus size={12} /></Act>
                        <Act label={column ? t('removeColumn', { field: name }) : t('addColumn', { field: name })} pressed={column} onClick={() => onColumn(name)}><IconColumns2 size={12} /></Act>
                      </>
                    )}
                    <Act label={c('copy')} onClick={() => copy(value)}><IconCopy size={12} /></Act>
                  </td>
                  <td>{name}</td>
                  <td>{name === 'trace_id' ? <Link to={`/traces/${value}`} className="mono" fz="inherit">{value}</Link> : <pre tabIndex={long ? 0 : undefined}>{value}</pre>}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
    </Stack>
  );
}
