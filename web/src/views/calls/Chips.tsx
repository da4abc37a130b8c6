// What the list is filtered by, each to be taken away.

import { Button, Group, Pill, Text } from '@mantine/core';
import { useFieldName } from './fields';
import { isEmpty, noFilters, shownValue, type Condition, type Filters } from './filters';
import classes from './explorer.module.css';
import { calls } from './messages';

export function Chips({ filters, onChange }: { filters: Filters; onChange: (f: Filters) => void }) {
  const t = calls.useT();
  const name = useFieldName();
  if (isEmpty(filters)) return null;
  const drop = (c: Condition) => onChange({ ...filters, conditions: filters.conditions.filter((x) => x !== c) });
  const chip = (key: string, field: string, text: string, remove: () => void, not = false) => (
    <Pill key={key} size="sm" withRemoveButton onRemove={remove} className={classes.chip} data-not={not ? '' : undefined} removeButtonProps={{ 'aria-label': t('removeFilter', { filter: `${field} ${text}` }), 'aria-hidden': false, tabIndex: 0 }}>
      <Text span size="xs" c="dimmed">{field}{not ? ` ${t('not')}` : ''}</Text> <Text span size="xs" fw={500}>{text}</Text>
    </Pill>
  );
  return (
    <Group gap={4} role="group" aria-label={t('activeFilters')}>
      {filters.search.trim() !== '' && chip('search', t('contains'), `“${filters.search.trim()}”`, () => onChange({ ...filters, search: '' }))}
      {filters.query.trim() !== '' && chip('query', 'LogsQL', filters.query.trim(), () => onChange({ ...filters, query: '' }))}
      {filters.min !== '' && chip('min', t('duration'), `${t('atLeast')} ${filters.min}`, () => onChange({ ...filters, min: '' }))}
      {filters.max !== '' && chip('max', t('duration'), `${t('atMost')} ${filters.max}`, () => onChange({ ...filters, max: '' }))}
      {filters.conditions.map((c) => chip(`${c.not ? '!' : ''}${c.field}`, name(c.field), c.values.map((v) => shownValue(c.field, v)).join(', '), () => drop(c), c.not))}
      <Button size="compact-xs" variant="subtle" color="gray" onClick={() => onChange(noFilters)}>{t('clearAll')}</Button>
    </Group>
  );
}
