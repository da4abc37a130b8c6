import { Stack, TextInput } from '@mantine/core';
import { IconChevronDown, IconChevronRight, IconColumns2, IconMinus, IconPlus, IconSearch } from '@tabler/icons-react';
import { memo, useCallback, useMemo, useState } from 'react';
import { short } from '~/format/number';
import { Failure, Loading } from '~/ui/states';
import { Act } from './Act';
import { useFacets, useFieldNames, useFieldValues } from './data';
import { includes } from './logs';
import { m } from './messages';
import classes from './logs.module.css';

export interface FieldActions {
  query: string;
  onToggle: (field: string, value: string, exclude: boolean) => void;
  columns: readonly string[];
  onColumn: (field: string) => void;
}

const first = ['level', 'severity', 'kind', 'service', 'scope', 'environment', 'status', 'error_type', 'exception.type', 'model', 'provider', 'name', 'source'];
const never = new Set(['_time', '_stream_id', '_stream', 'has']);

/** The fields of the rows that match, with their values and counts. */
export const Fields = memo(function Fields({ filter, ...actions }: { filter: string } & FieldActions) {
  const t = m.useT();
  const facets = useFacets(filter);
  const names = useFieldNames(filter);
  const [search, setSearch] = useState('');
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set(['level', 'severity', 'kind', 'service']));
  const known = useMemo(() => new Map((facets.data ?? []).map((f) => [f.field_name, f.values.map((v) => ({ value: v.field_value, hits: v.hits })).sort((a, b) => b.hits - a.hits || a.value.localeCompare(b.value))])), [facets.data]);
  const list = useMemo(() => {
    const rank = (n: string) => (first.includes(n) ? first.indexOf(n) : first.length);
    return [...new Map((names.data ?? []).map((n) => [n.value, n.hits]))]
      .filter(([n]) => !never.has(n) && n.toLowerCase().includes(search.toLowerCase()))
      .sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b));
  }, [names.data, search]);
  const onOpen = useCallback((name: string) => setOpen((was) => new Set(was.has(name) ? [...was].filter((x) => x !== name) : [...was, name])), []);
  return (
    <Stack gap={6} component="section" aria-label={t('fields')}>
      <TextInput size="xs" value={search} onChange={(e) => setSearch(e.currentTarget.value)} leftSection={<IconSearch size={13} />} placeholder={t('filterFields')} aria-label={t('filterFields')} />
      {facets.error !== null && facets.data === undefined && <Failure error={facets.error} compact />}
      {names.data === undefined && names.error === null && <Loading height={200} />}
      <div className={classes.fields}>
        {list.map(([name, hits]) => <Field key={name} name={name} hits={hits} filter={filter} known={known.get(name)} open={open.has(name)} onOpen={onOpen} {...actions} />)}
      </div>
    </Stack>
  );
});

interface FieldProps extends FieldActions {
  name: string;
  hits: number;
  filter: string;
  known: { value: string; hits: number }[] | undefined;
  open: boolean;
  onOpen: (name: string) => void;
}

const Field = memo(function Field({ name, hits, open, onOpen, columns, onColumn, ...rest }: FieldProps) {
  const t = m.useT();
  const column = columns.includes(name);
  return (
    <div>
      <div className={classes.fieldHead}>
        <button type="button" className={classes.fieldName} aria-expanded={open} onClick={() => onOpen(name)} title={name}>
          {open ? <IconChevronDown size={12} /> : <IconChevronRight size={12} />}
          <span className={classes.fieldText}>{name}</span>
          <span className={classes.count}>{short(hits)}</span>
        </button>
        <Act label={column ? t('removeColumn', { field: name }) : t('addColumn', { field: name })} pressed={column} onClick={() => onColumn(name)}><IconColumns2 size={12} /></Act>
      </div>
      {open && <Values name={name} {...rest} />}
    </div>
  );
});

function Values({ name, filter, known, query, onToggle }: Pick<FieldProps, 'name' | 'filter' | 'known' | 'query' | 'onToggle'>) {
  const t = m.useT();
  // Where the values are too many to count them all, some are read when they are asked for.
  const own = useFieldValues(filter, name, known === undefined);
  const values = known ?? own.data;
  if (values === undefined) return own.error === null ? <div className={classes.value}>…</div> : <Failure error={own.error} compact />;
  const top = Math.max(1, ...values.map((v) => v.hits));
  return values.map((v) => {
    const on = includes(query, name, v.value, false);
    const off = includes(query, name, v.value, true);
    return (
      <div key={v.value} className={classes.value} data-on={on ? '' : undefined} data-off={off ? '' : undefined}>
        <button type="button" className={classes.valueName} aria-pressed={on} onClick={() => onToggle(name, v.value, false)} title={t('include', { field: name, value: v.value })}>
          <span className={classes.valueLine}><span className={classes.fieldText}>{v.value === '' ? t('empty') : v.value}</span>{' '}<span className={classes.count}>{v.hits === 0 ? '' : short(v.hits)}</span></span>
          <span className={classes.meter} style={{ width: `${(v.hits / top) * 100}%` }} />
        </button>
        <Act label={t('exclude', { field: name, value: v.value })} pressed={off} onClick={() => onToggle(name, v.value, true)}>{off ? <IconPlus size={11} /> : <IconMinus size={11} />}</Act>
      </div>
    );
  });
}
