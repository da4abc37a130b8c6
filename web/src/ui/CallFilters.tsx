// The filters of a page as chips, and a way to add one from the values that there
// are. They are parameters of the URL with the names that the API has.

import { ActionIcon, Box, Button, Group, NavLink, Popover, ScrollArea, Select, Stack, Text, TextInput } from '@mantine/core';
import { IconFilterPlus, IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { get } from '~/api/client';
import type { Facet } from '~/api/types';
import { short } from '~/format/number';
import { useTime } from '~/state/time';
import { useParams } from '~/state/url';
import { dimensionName, filtersOf, joinQueries } from './dimensions';
import { dimensionTexts } from './dimensionMessages';
import { Failure, Loading } from './states';

const offered = ['service', 'model', 'provider', 'environment', 'feature', 'prompt_name', 'operation', 'user', 'agent', 'status', 'tags.team', 'query'] as const;

/** The filters in the URL, for the API. */
export function useFilters(): Record<string, string> {
  const [params] = useParams();
  return filtersOf(params);
}

function label(name: string): string {
  return dimensionName(name);
}

export function CallFilters({ dimensions = offered }: { dimensions?: readonly string[] }) {
  const t = dimensionTexts.useT();
  const [params, set] = useParams();
  const filters = filtersOf(params);
  const [open, setOpen] = useState(false);
  return (
    <Group gap={6} role="group" aria-label={t('filters')}>
      {Object.entries(filters).map(([name, value]) => (
        <Group key={name} gap={2} wrap="nowrap" px={8} h={26} bg="var(--mantine-primary-color-light)" style={{ borderRadius: 13, maxWidth: '100%' }}>
          <Text size="xs" truncate><Text span size="xs" c="dimmed">{label(name)}: </Text>{value}</Text>
          <ActionIcon size={18} variant="subtle" color="gray" aria-label={t('remove', { name: `${label(name)}: ${value}` })} onClick={() => set({ [name]: null }, { push: true })}><IconX size={12} /></ActionIcon>
        </Group>
      ))}
      <Popover opened={open} onChange={setOpen} position="bottom-start" withinPortal trapFocus width={280}>
        <Popover.Target>
          <Button size="compact-xs" h={26} variant="default" leftSection={<IconFilterPlus size={14} />} onClick={() => setOpen(!open)} aria-expanded={open}>{t('addFilter')}</Button>
        </Popover.Target>
        <Popover.Dropdown p="xs">
          <Adder dimensions={dimensions} filters={filters} onAdd={(name, value) => {
            set({ [name]: name === 'query' ? joinQueries(filters['query'], value) : value }, { push: true });
            setOpen(false);
          }} />
        </Popover.Dropdown>
      </Popover>
      {Object.keys(filters).length > 1 && <Button size="compact-xs" variant="subtle" color="gray" onClick={() => set(Object.fromEntries(Object.keys(filters).map((k) => [k, null])), { push: true })}>{t('clearAll')}</Button>}
    </Group>
  );
}

function Adder({ dimensions, filters, onAdd }: { dimensions: readonly string[]; filters: Record<string, string>; onAdd: (name: string, value: string) => void }) {
  const t = dimensionTexts.useT();
  const [name, setName] = useState(dimensions.find((d) => filters[d] === undefined) ?? 'service');
  const [text, setText] = useState('');
  return (
    <Stack gap={6}>
      <Select size="xs" label={t('chooseDimension')} data={dimensions.map((d) => ({ value: d, label: label(d) }))} value={name} onChange={(v) => { if (v !== null) { setName(v); setText(''); } }} allowDeselect={false} comboboxProps={{ withinPortal: false }} data-autofocus />
      <form onSubmit={(e) => { e.preventDefault(); if (text.trim() !== '') onAdd(name, text.trim()); }}>
        <Group gap={6} wrap="nowrap" align="flex-end">
          <TextInput size="xs" flex={1} label={name === 'query' ? t('logsql') : t('chooseValue')} placeholder={name === 'query' ? t('logsqlExample') : undefined} value={text} onChange={(e) => setText(e.currentTarget.value)} />
          <Button size="xs" type="submit" disabled={text.trim() === ''}>{t('add')}</Button>
        </Group>
      </form>
      {name !== 'query' && <FacetValues name={name} filters={filters} contains={text} onChoose={(v) => onAdd(name, v)} />}
    </Stack>
  );
}

function FacetValues({ name, filters, contains, onChoose }: { name: string; filters: Record<string, string>; contains: string; onChoose: (value: string) => void }) {
  const t = dimensionTexts.useT();
  const { api } = useTime();
  const { [name]: _own, ...others } = filters;
  const params = { ...others, ...api, fields: name, limit: 200 };
  const facets = useQuery({ queryKey: ['facets', params], queryFn: ({ signal }) => get<{ facets: Facet[] }>('/facets', params, signal), placeholderData: (was) => was });
  if (facets.error && facets.data === undefined) return <Failure error={facets.error} compact />;
  if (facets.data === undefined) return <Loading height={80} />;
  const values = (facets.data.facets.find((f) => f.field === name)?.values ?? []).filter((v) => v.value.toLowerCase().includes(contains.toLowerCase()));
  if (values.length === 0) return <Text size="xs" c="dimmed">{t('noValues')}</Text>;
  return (
    <ScrollArea.Autosize mah={240} type="auto">
      <Box>
        {values.map((v) => (
          <NavLink key={v.value} component="button" type="button" py={3} px={6} label={<Text size="xs" truncate>{v.value}</Text>} rightSection={<Text size="xs" c="dimmed">{short(v.count)}</Text>} onClick={() => onChoose(v.value)} />
        ))}
      </Box>
    </ScrollArea.Autosize>
  );
}
