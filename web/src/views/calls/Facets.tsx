// The most frequent values of each dimension, with their counts, to filter by.

import { ActionIcon, Group, Skeleton, Text, TextInput, UnstyledButton } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconChevronDown, IconChevronRight, IconEqual, IconMinus, IconPlus, IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { memo, useMemo, useState } from 'react';
import { ApiError, get } from '~/api/client';
import type { Facet } from '~/api/types';
import { count, short } from '~/format/number';
import { useTime } from '~/state/time';
import { Failure } from '~/ui/states';
import classes from './explorer.module.css';
import { facetFields, openAtFirst, useFieldName } from './fields';
import { apiParams, choose, shownValue, stateOf, without, type Choice, type Filters } from './filters';
import { calls } from './messages';
import { useFieldNames } from './useFields';

/** Absent values are no values. */
interface Answer { facets: Facet[] }

const few = 6;
const many = 500;

/** So many tags have a facet. */
const mostTags = 8;

export const Facets = memo(function Facets({ filters, onChange, enabled }: { filters: Filters; onChange: (f: Filters) => void; enabled: boolean }) {
  const t = calls.useT();
  const { api, range } = useTime();
  const filter = apiParams(filters);
  const names = useFieldNames(range.to, enabled);
  const fields = useMemo(() => {
    const tags = (names.data ?? []).filter((f) => f.startsWith('tags.')).slice(0, mostTags);
    const asked = filters.conditions.map((c) => c.field).filter((f) => f !== 'trace_id' && !(facetFields as readonly string[]).includes(f) && !tags.includes(f) && f.startsWith('tags.'));
    return [...facetFields, ...tags, ...asked];
  }, [names.data, filters.conditions]);
  const [closed, setClosed] = useState<Record<string, boolean>>({});
  const isOpen = (f: string) => closed[f] === undefined ? openAtFirst.includes(f) || filters.conditions.some((c) => c.field === f) : !closed[f];
  const q = useQuery({
    queryKey: ['calls', 'facets', fields, filter, api], enabled: enabled && !names.isPending,
    queryFn: ({ signal }) => get<Answer>('/facets', { ...filter, ...api, fields: fields.join(','), limit: 20 }, signal),
    placeholderData: (was) => was,
  });
  const byField = useMemo(() => new Map((q.data?.facets ?? []).map((f) => [f.field, f])), [q.data]);
  if (q.error instanceof ApiError && q.error.code === 'bad_query') return null;
  if (q.data === undefined && q.error) return <Failure error={q.error} compact retry={() => void q.refetch()} />;
  if (q.data === undefined) return <>{[...Array(8).keys()].map((i) => <Skeleton key={i} height={16} mb={10} />)}</>;
  return (
    <div className={classes.facetScroll}>
      {byField.size === 0 && <Text size="xs" c="dimmed">{t('noValues')}</Text>}
      {fields.filter((f) => byField.has(f) || filters.conditions.some((c) => c.field === f)).map((f) => (
        <FacetGroup key={f} field={f} facet={byField.get(f)} filters={filters} onChange={onChange} open={isOpen(f)} onToggle={() => setClosed({ ...closed, [f]: isOpen(f) })} />
      ))}
    </div>
  );
});

/** One dimension. Where it is filtered by, its other values are counted as if it were not, so that they can be chosen, too. */
function FacetGroup({ field, facet, filters, onChange, open, onToggle }: { field: string; facet: Facet | undefined; filters: Filters; onChange: (f: Filters) => void; open: boolean; onToggle: () => void }) {
  const t = calls.useT();
  const name = useFieldName()(field);
  const { api } = useTime();
  const [all, setAll] = useState(false);
  const [search, setSearch] = useState('');
  const [wanted] = useDebouncedValue(search.trim().toLowerCase(), 150);
  const filtered = filters.conditions.some((c) => c.field === field);
  const rest = apiParams(without(filters, field));
  const own = useQuery({
    queryKey: ['calls', 'facet', field, rest, api, all || search !== ''], enabled: open && (filtered || all || search !== ''),
    queryFn: async ({ signal }) => (await get<Answer>('/facets', { ...rest, ...api, fields: field, limit: all || search !== '' ? many : 20 }, signal)).facets[0],
    placeholderData: (was) => was,
  });
  const values = useMemo(() => {
    const list = (filtered || all || search !== '' ? own.data : undefined)?.values ?? facet?.values ?? [];
    const chosen = filters.conditions.filter((c) => c.field === field).flatMap((c) => c.values).filter((v) => !list.some((x) => x.value === v)).map((value) => ({ value, count: 0 }));
    const some = [...chosen, ...list];
    return wanted === '' ? some : some.filter((v) => shownValue(field, v.value).toLowerCase().includes(wanted));
  }, [filtered, all, search, own.data, facet, filters, field, wanted]);
  const most = Math.max(1, ...values.map((v) => v.count));
  const shown = all || wanted !== '' ? values.slice(0, 200) : values.slice(0, few);
  return (
    <section className={classes.facet} aria-label={name}>
      <UnstyledButton className={classes.facetTitle} onClick={onToggle} aria-expanded={open}>
        {open ? <IconChevronDown size={13} /> : <IconChevronRight size={13} />}
        <span>{name}</span>
        {filtered && <span className={classes.dot} aria-hidden />}
        <Text span size="xs" c="dimmed" ml="auto">{(facet?.values?.length ?? 0) >= 20 ? '20+' : facet?.values?.length ?? ''}</Text>
      </UnstyledButton>
      {open && (
        <>
          {((facet?.values?.length ?? 0) > few || search !== '') && <TextInput size="xs" mb={2} leftSection={<IconSearch size={12} />} aria-label={t('searchFacet', { field: name })} placeholder={t('searchFacet', { field: name })} value={search} onChange={(e) => setSearch(e.currentTarget.value)} classNames={{ input: classes.facetSearch }} />}
          {shown.length === 0 && <Text size="xs" c="dimmed" pl={18}>{t('noValues')}</Text>}
          <div role="list">
            {shown.map((v) => <Value key={v.value} field={field} value={v.value} n={v.count} share={v.count / most} state={stateOf(filters, field, v.value)} onChoose={(c) => onChange(choose(filters, field, v.value, c))} />)}
          </div>
          {(values.length > few || (facet?.values?.length ?? 0) >= 20) && wanted === '' && <UnstyledButton className={classes.moreValues} onClick={() => setAll(!all)}>{all ? t('fewerValues') : t('moreValues')}</UnstyledButton>}
          {all && values.length >= many && <Text size="xs" c="dimmed" pl={18}>{t('more_values_cut', { n: many })}</Text>}
        </>
      )}
    </section>
  );
}

function Value({ field, value, n, share, state, onChoose }: { field: string; value: string; n: number; share: number; state: 'included' | 'excluded' | undefined; onChoose: (c: Choice) => void }) {
  const t = calls.useT();
  const shown = shownValue(field, value);
  return (
    <div className={classes.value} role="listitem" data-state={state} style={{ '--share': `${Math.max(share * 100, n > 0 ? 1.5 : 0)}%` } as React.CSSProperties}>
      <UnstyledButton className={classes.valueName} aria-pressed={state === 'included'} aria-label={t('facetCount', { value: shown, n: count(n) })} title={shown} onClick={() => onChoose(state === 'excluded' ? 'clear' : 'include')}>{shown}</UnstyledButton>
      <Group gap={0} wrap="nowrap" className={classes.valueActions}>
        <ActionIcon size={18} variant="subtle" color="gray" aria-label={t('onlyValue', { value: shown })} title={t('onlyValue', { value: shown })} onClick={() => onChoose('only')}><IconEqual size={12} /></ActionIcon>
        {state !== 'included' && <ActionIcon size={18} variant="subtle" color="gray" aria-label={t('include', { value: shown })} title={t('include', { value: shown })} onClick={() => onChoose('include')}><IconPlus size={12} /></ActionIcon>}
        <ActionIcon size={18} variant="subtle" color="gray" aria-label={t('exclude', { value: shown })} title={t('exclude', { value: shown })} aria-pressed={state === 'excluded'} onClick={() => onChoose('exclude')}><IconMinus size={12} /></ActionIcon>
      </Group>
      <span className={classes.valueCount} aria-hidden>{short(n)}</span>
    </div>
  );
}
