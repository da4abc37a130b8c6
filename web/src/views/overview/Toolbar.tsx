import { Button, Group, Popover, SegmentedControl } from '@mantine/core';
import { IconLayoutGrid, IconX } from '@tabler/icons-react';
import { lazy, Suspense } from 'react';
import { common } from '~/i18n/common';
import { useParams } from '~/state/url';
import { Pick } from '~/ui/Pick';
import { useValues, type Scene } from './data';
import { dimensions } from './filters';
import { messages } from './messages';
import { WhatChangedButton } from './WhatChangedButton';
import { roleOf, roles, type View } from './view';

const PanelList = lazy(() => import('./PanelList'));

export function Toolbar({ scene, view }: { scene: Scene; view: View }) {
  const t = messages.useT();
  return (
    <Group justify="space-between" gap="xs">
      <Filters scene={scene} />
      <Group gap={6}>
        <SegmentedControl size="xs" aria-label={t('role')} value={view.role} onChange={(v) => view.setRole(roleOf(v) ?? 'all')} data={roles.map((r) => ({ value: r, label: t(`role.${r}`) }))} />
        <PanelPicker view={view} />
        <WhatChangedButton />
      </Group>
    </Group>
  );
}

function Filters({ scene }: { scene: Scene }) {
  const t = messages.useT();
  const c = common.useT();
  const [, set] = useParams();
  const q = useValues(scene);
  const any = dimensions.some((d) => scene.choice[d].length > 0);
  return (
    <Group gap={6} role="group" aria-label={t('filters')}>
      {dimensions.map((d) => (
        <Pick key={d} label={c(d)} chosen={scene.choice[d]} options={q.data?.find((f) => f.field === d)?.values ?? []} onChange={(values) => set({ [d]: values }, { push: true })} />
      ))}
      {any && <Button size="compact-sm" variant="subtle" color="gray" fz="xs" leftSection={<IconX size={12} />} onClick={() => set(Object.fromEntries(dimensions.map((d) => [d, null])), { push: true })}>{t('clearFilters')}</Button>}
    </Group>
  );
}

function PanelPicker({ view }: { view: View }) {
  const t = messages.useT();
  return (
    <Popover position="bottom-end" withinPortal trapFocus returnFocus shadow="md" width={250}>
      <Popover.Target>
        <Button size="compact-sm" variant={view.changed ? 'light' : 'default'} fw={500} fz="xs" leftSection={<IconLayoutGrid size={13} />}>{t('panels')}</Button>
      </Popover.Target>
      <Popover.Dropdown p="xs" aria-label={t('panels')}>
        <Suspense fallback={null}><PanelList view={view} /></Suspense>
      </Popover.Dropdown>
    </Popover>
  );
}
