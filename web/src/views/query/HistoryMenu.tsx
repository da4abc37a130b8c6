import { ActionIcon, Button, Group, Popover, ScrollArea, Stack, Text, TextInput, Tooltip, UnstyledButton } from '@mantine/core';
import { IconHistory } from '@tabler/icons-react';
import { useState } from 'react';
import { forgetAll, useHistory } from './history';
import { m } from './messages';
import classes from './query.module.css';

/** Queries of before; a choice runs it. */
export function HistoryMenu({ onChoose }: { onChoose: (expr: string) => void }) {
  const t = m.useT();
  const list = useHistory();
  const [open, setOpen] = useState(false);
  const [filter, setFilter] = useState('');
  const shown = list.filter((e) => e.toLowerCase().includes(filter.toLowerCase()));
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-end" width={480} trapFocus withinPortal>
      <Popover.Target>
        <Tooltip label={t('history')}><ActionIcon variant="default" size={30} aria-label={t('history')} aria-haspopup="dialog" onClick={() => setOpen(!open)}><IconHistory size={16} /></ActionIcon></Tooltip>
      </Popover.Target>
      <Popover.Dropdown p="xs" maw="calc(100vw - 24px)">
        <Stack gap={6}>
          <Group gap="xs" wrap="nowrap">
            <TextInput size="xs" flex={1} value={filter} onChange={(e) => setFilter(e.currentTarget.value)} placeholder={t('historyFilter')} aria-label={t('historyFilter')} data-autofocus />
            {list.length > 0 && <Button size="compact-xs" variant="subtle" color="gray" onClick={forgetAll}>{t('clearHistory')}</Button>}
          </Group>
          {list.length === 0 && <Text size="xs" c="dimmed" p="xs">{t('historyEmpty')}</Text>}
          <ScrollArea.Autosize mah={320} type="auto">
            {shown.map((e) => <UnstyledButton key={e} className={classes.metric} onClick={() => { setOpen(false); onChoose(e); }}><span className={classes.past}>{e}</span></UnstyledButton>)}
          </ScrollArea.Autosize>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
