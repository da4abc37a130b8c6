// A choice of several values of a dimension, in little space.

import { Button, Popover, Text } from '@mantine/core';
import { IconChevronDown } from '@tabler/icons-react';
import { lazy, Suspense } from 'react';
import { messages } from './prom/messages';

const PickList = lazy(() => import('./PickList'));

export interface PickProps {
  label: string;
  chosen: readonly string[];
  /** The values that there are, the most frequent first. */
  options: readonly { value: string; count?: number }[];
  onChange: (values: string[]) => void;
  /** One at most. */
  single?: boolean;
  /** What holds where nothing is chosen; default: all. */
  initial?: string;
}

/** What was chosen stays in the list even where the range has none of it. */
export function Pick({ label, chosen, options, onChange, single, initial }: PickProps) {
  const t = messages.useT();
  const all = [...chosen.filter((v) => !options.some((o) => o.value === v)).map((value) => ({ value, count: undefined })), ...options];
  const text = chosen.length === 0 ? (initial ?? t('any')) : chosen.length === 1 ? chosen[0] : t('chosen', { count: chosen.length });
  const toggle = (value: string) => {
    if (chosen.includes(value)) onChange(chosen.filter((v) => v !== value));
    else onChange(single ? [value] : [...chosen, value]);
  };
  return (
    <Popover position="bottom-start" withinPortal trapFocus returnFocus shadow="md" width={280}>
      <Popover.Target>
        <Button variant={chosen.length > 0 ? 'light' : 'default'} size="compact-sm" fw={500} rightSection={<IconChevronDown size={13} />} maw={260}>
          <Text span size="xs" c="dimmed" mr={5}>{label}</Text>{' '}
          <Text span size="xs" truncate>{text}</Text>
        </Button>
      </Popover.Target>
      <Popover.Dropdown p="xs" aria-label={label}>
        <Suspense fallback={null}><PickList chosen={chosen} all={all} onToggle={toggle} onClear={() => onChange([])} /></Suspense>
      </Popover.Dropdown>
    </Popover>
  );
}
