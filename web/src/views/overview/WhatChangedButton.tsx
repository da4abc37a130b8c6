import { Button } from '@mantine/core';
import { IconZoomQuestion } from '@tabler/icons-react';
import { useParam } from '~/state/url';
import { messages } from './messages';

export function WhatChangedButton() {
  const t = messages.useT();
  const [, ask] = useParam('explain');
  return <Button size="compact-sm" fz="xs" fw={500} variant="default" leftSection={<IconZoomQuestion size={14} />} onClick={() => ask('error_rate', { push: true })}>{t('whatChanged')}</Button>;
}
