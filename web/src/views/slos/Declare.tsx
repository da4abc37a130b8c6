import { Button, Code, Group, Stack, Text } from '@mantine/core';
import { IconCopy } from '@tabler/icons-react';
import { useCopy } from '~/ui/Copy';
import { Panel } from '~/ui/Panel';
import { m } from './messages';

const yaml = `slos:
  - name: checkout
    description: Checkout gets its answers.
    service: checkout
    objective: 99.9              # percent
    sli: availability
  - name: chat-feels-quick
    service: [web, app]
    objective: 95
    window: 28d                  # 30d where nothing is said
    sli: {ttft: {threshold: 1s}}
    alerting: {no_page: true}    # tickets only
`;

/** How an objective is declared. */
export function Declare() {
  const t = m.useT();
  const copy = useCopy();
  return (
    <Panel title={t('declare')}>
      <Stack gap="xs">
        <Text size="sm">{t('declareHint')}</Text>
        <Code block>{yaml}</Code>
        <Group><Button size="compact-xs" variant="light" leftSection={<IconCopy size={13} />} onClick={() => copy(yaml)}>{t('copyYAML')}</Button></Group>
      </Stack>
    </Panel>
  );
}
