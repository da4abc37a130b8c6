import { Alert, List } from '@mantine/core';
import { IconAlertTriangle, IconInfoCircle } from '@tabler/icons-react';
import { m } from './messages';

/** What the engine says beside the result. */
export function Notes({ warnings, infos }: { warnings: readonly string[]; infos: readonly string[] }) {
  const t = m.useT();
  return (
    <>
      {warnings.length > 0 && (
        <Alert color="orange" variant="light" py={4} icon={<IconAlertTriangle size={16} />} title={t('warnings')}>
          <List size="xs">{warnings.map((w) => <List.Item key={w}>{w}</List.Item>)}</List>
        </Alert>
      )}
      {infos.length > 0 && (
        <Alert color="blue" variant="light" py={4} icon={<IconInfoCircle size={16} />} title={t('infos')}>
          <List size="xs">{infos.map((w) => <List.Item key={w}>{w}</List.Item>)}</List>
        </Alert>
      )}
    </>
  );
}
