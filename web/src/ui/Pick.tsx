// A choice of several values of a dimension, in little space.

import { Button, Checkbox, Group, Popover, ScrollArea, Stack, Text, TextInput, UnstyledButton } from '@mantine/core';
import { IconChevronDown } from '@tabler/icons-react';
import { useState } from 'react';
import { short } from '~/format/number';
import { common } from '~/i18n/common';
import { messages } from './prom/messages';

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
  const c = common.useT();
  const [find, setFind] = useState('');
  const all = [...chosen.filter((v) => !options.some((o) => o.value === v)).map((value) => ({ value, count: undefined })), ...options];
  const shown = all.filter((o) => o.value.toLowerCase().includes(find.trim().toLowerCase())).slice(0, 200);
  const text = chosen.length === 0 ? (initial ?? t('any')) : chosen.length === 1 ? chosen[0] : t('chosen', { count: chosen.length });
  const toggle = (value: string) => {
    if (chosen.includes(value)) onChange(chosen.filter((v) => v !== value));
    else onChange(single ? [value] : [...chosen, value]);
  };
  return (
    <Popover position="bottom-start" withinPortal trapFocus returnFocus shadow="md" width={280} onClose={() => setFind('')}>
      <Popover.Target>
        <Button variant={chosen.length > 0 ? 'light' : 'default'} size="compact-sm" fw={500} rightSection={<IconChevronDown size={13} />} aria-label={`${label}: ${text}`} maw={260}>
          <Text span size="xs" c="dimmed" mr={5}>{label}</Text>
          <Text span size="xs" truncate>{text}</Text>
        </Button>
      </Popover.Target>
      <Popover.Dropdown p="xs" aria-label={label}>
        <Stack gap={6}>
          {all.length > 7 && <TextInput size="xs" placeholder={t('findValue')} aria-label={t('findValue')} value={find} onChange={(e) => setFind(e.currentTarget.value)} data-autofocus />}
          <ScrollArea.Autosize mah={280} type="auto">
            <Stack gap={4} py={2}>
              {shown.length === 0 && <Text size="xs" c="dimmed">{all.length === 0 ? t('noValues') : t('noMatch')}</Text>}
              {shown.map((o) => (
                <Group key={o.value} justify="space-between" wrap="nowrap" gap="xs" pr={8}>
                  <Checkbox size="xs" label={o.value} checked={chosen.includes(o.value)} onChange={() => toggle(o.value)} styles={{ label: { overflowWrap: 'anywhere' } }} />
                  {o.count !== undefined && <Text size="xs" c="dimmed" className="num">{short(o.count)}</Text>}
                </Group>
              ))}
            </Stack>
          </ScrollArea.Autosize>
          {chosen.length > 0 && <UnstyledButton fz="xs" c="var(--mantine-primary-color-filled)" onClick={() => onChange([])}>{c('clear')}</UnstyledButton>}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
