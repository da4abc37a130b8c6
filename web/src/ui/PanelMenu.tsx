import { ActionIcon, Menu } from '@mantine/core';
import { IconDots } from '@tabler/icons-react';
import type { MenuEntry } from './Panel';

/** The menu of a panel. Loaded when one is opened first, and open then. */
export default function PanelMenu({ label, entries }: { label: string; entries: readonly MenuEntry[] }) {
  return (
    <Menu position="bottom-end" withinPortal defaultOpened>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="sm" aria-label={label}><IconDots size={16} /></ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {entries.map((e, i) => (e === 'divider' ? <Menu.Divider key={i} /> : <Menu.Item key={e.label} onClick={e.onClick}>{e.label}</Menu.Item>))}
      </Menu.Dropdown>
    </Menu>
  );
}
