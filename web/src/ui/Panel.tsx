import { ActionIcon, Badge, Group, Paper, Text, Title, Tooltip } from '@mantine/core';
import { IconDots, IconInfoCircle } from '@tabler/icons-react';
import { lazy, Suspense, useState, type ReactNode } from 'react';
import { common } from '~/i18n/common';
import { useCopy } from './Copy';

const PanelMenu = lazy(() => import('./PanelMenu'));

export type MenuEntry = 'divider' | { label: string; onClick: () => void };

export interface PanelProps {
  title: ReactNode;
  /** What it shows and how it is counted; behind an icon. */
  description?: string;
  children: ReactNode;
  /** Beside the title, at its right. */
  actions?: ReactNode;
  /** What the menu copies. */
  promql?: string;
  logsql?: string;
  curl?: string;
  menu?: readonly MenuEntry[];
  /** Something is being loaded anew while the old stays in sight. */
  busy?: boolean;
  badge?: string;
  padding?: string | number;
  style?: React.CSSProperties;
  id?: string;
}

/** A part of a page with a title. Its menu copies what it asks in the language of the store. */
export function Panel({ title, description, children, actions, promql, logsql, curl, menu, busy, badge, padding = 'sm', style, id }: PanelProps) {
  const t = common.useT();
  const copy = useCopy();
  const entries: MenuEntry[] = [...(menu ?? [])];
  for (const [label, text] of [[t('copyPromQL'), promql], [t('copyLogsQL'), logsql], [t('copyCurl'), curl]] as const) {
    if (text !== undefined) entries.push({ label, onClick: () => copy(text) });
  }
  return (
    <Paper withBorder p={padding} radius="md" component="section" aria-label={typeof title === 'string' ? title : undefined} aria-busy={busy} style={style} id={id}>
      <Group justify="space-between" wrap="nowrap" gap="xs" mb={6}>
        <Group gap={6} wrap="nowrap" style={{ minWidth: 0 }}>
          <Title order={2} fz="sm" fw={600} lineClamp={1}>{title}</Title>
          {description !== undefined && (
            <Tooltip label={description} multiline maw={320} withinPortal events={{ hover: true, focus: true, touch: true }}>
              <ActionIcon variant="transparent" color="gray" size="xs" aria-label={description}><IconInfoCircle size={14} /></ActionIcon>
            </Tooltip>
          )}
          {badge !== undefined && <Badge size="xs" variant="light" tt="none" fw={500} style={{ flex: 'none' }}>{badge}</Badge>}
        </Group>
        <Group gap={4} wrap="nowrap">
          {actions}
          {entries.length > 0 && <LazyMenu label={t('actions') + (typeof title === 'string' ? `: ${title}` : '')} entries={entries} />}
        </Group>
      </Group>
      {typeof children === 'string' ? <Text size="sm">{children}</Text> : children}
    </Paper>
  );
}

/** A button until it is pressed; then the menu itself. */
function LazyMenu({ label, entries }: { label: string; entries: readonly MenuEntry[] }) {
  const [wanted, setWanted] = useState(false);
  const button = <ActionIcon variant="subtle" color="gray" size="sm" aria-label={label} aria-haspopup="menu" onClick={() => setWanted(true)}><IconDots size={16} /></ActionIcon>;
  return wanted ? <Suspense fallback={button}><PanelMenu label={label} entries={entries} /></Suspense> : button;
}
