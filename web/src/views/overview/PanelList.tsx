import { Checkbox, Stack, UnstyledButton } from '@mantine/core';
import { messages } from './messages';
import { panelIDs, type View } from './view';

/** Which panels are shown. */
export default function PanelList({ view }: { view: View }) {
  const t = messages.useT();
  return (
    <Stack gap={5}>
      {panelIDs.map((id) => <Checkbox key={id} size="xs" label={t(`panel.${id}`)} checked={view.shown.includes(id)} onChange={() => view.toggle(id)} />)}
      {view.changed && <UnstyledButton fz="xs" c="var(--mantine-primary-color-filled)" onClick={view.reset}>{t('reset')}</UnstyledButton>}
    </Stack>
  );
}
