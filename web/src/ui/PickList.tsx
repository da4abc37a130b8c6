import { Checkbox, Group, Stack, Text, TextInput, UnstyledButton } from '@mantine/core';
import { useState } from 'react';
import { short } from '~/format/number';
import { common } from '~/i18n/common';
import { messages } from './prom/messages';

/** The values of a choice: loaded when it is opened first. */
export default function PickList({ chosen, all, onToggle, onClear }: { chosen: readonly string[]; all: readonly { value: string; count?: number }[]; onToggle: (value: string) => void; onClear: () => void }) {
  const t = messages.useT();
  const c = common.useT();
  const [find, setFind] = useState('');
  const shown = all.filter((o) => o.value.toLowerCase().includes(find.trim().toLowerCase())).slice(0, 200);
  return (
    <Stack gap={6}>
      {all.length > 7 && <TextInput size="xs" placeholder={t('findValue')} aria-label={t('findValue')} value={find} onChange={(e) => setFind(e.currentTarget.value)} data-autofocus />}
      <div style={{ maxHeight: 280, overflowY: 'auto' }}>
        <Stack gap={4} py={2}>
          {shown.length === 0 && <Text size="xs" c="dimmed">{all.length === 0 ? t('noValues') : t('noMatch')}</Text>}
          {shown.map((o) => (
            <Group key={o.value} justify="space-between" wrap="nowrap" gap="xs" pr={8}>
              <Checkbox size="xs" label={o.value} checked={chosen.includes(o.value)} onChange={() => onToggle(o.value)} styles={{ label: { overflowWrap: 'anywhere' } }} />
              {o.count !== undefined && <Text size="xs" c="dimmed" className="num">{short(o.count)}</Text>}
            </Group>
          ))}
        </Stack>
      </div>
      {chosen.length > 0 && <UnstyledButton fz="xs" c="var(--mantine-primary-color-filled)" onClick={() => onClear()}>{c('clear')}</UnstyledButton>}
    </Stack>
  );
}
