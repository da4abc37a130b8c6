// The free text and the filter above the list.

import { CloseButton, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useEffect, useState, type ReactNode } from 'react';
import { ApiError } from '~/api/client';
import { common } from '~/i18n/common';
import { useTime } from '~/state/time';
import type { Filters } from './filters';
import { LogsqlInput } from './LogsqlInput';
import classes from './explorer.module.css';
import { calls } from './messages';

export function QueryBar({ filters, onChange, error, children }: { filters: Filters; onChange: (f: Filters) => void; error: unknown; children?: ReactNode }) {
  const t = calls.useT();
  const c = common.useT();
  const { range } = useTime();
  const [text, setText] = useState(filters.search);
  useEffect(() => setText(filters.search), [filters.search]);
  const apply = (search: string) => { if (search.trim() !== filters.search) onChange({ ...filters, search: search.trim() }); };
  return (
    <div className={classes.bar} role="search" aria-label={t('filters')}>
      <TextInput
        size="xs" className={classes.search} data-search leftSection={<IconSearch size={14} />} aria-label={t('searchLabel')} placeholder={t('searchPlaceholder')} value={text}
        rightSection={text === '' ? undefined : <CloseButton size="xs" aria-label={c('clear')} onClick={() => { setText(''); apply(''); }} />}
        onChange={(e) => setText(e.currentTarget.value)} onBlur={() => apply(text)} onKeyDown={(e) => { if (e.key === 'Enter') apply(text); else if (e.key === 'Escape') setText(filters.search); }}
      />
      <LogsqlInput value={filters.query} end={range.to} onApply={(query) => onChange({ ...filters, query })} error={error instanceof ApiError && error.code === 'bad_query' ? error : undefined} />
      {children}
    </div>
  );
}
