// Says why there is nothing to read: it was not recorded, it has gone since, or
// it is not for who is looking.

import { Alert, Text } from '@mantine/core';
import { IconEyeOff } from '@tabler/icons-react';
import { QueryClientContext } from '@tanstack/react-query';
import { useContext } from 'react';
import { authKey, may, type AuthReport } from '~/account/data';
import { content } from './messages';

interface Props {
  /** The parts that have gone because content has a shorter life than calls. */
  removed?: string[];
  /** A line in place of a box. */
  plain?: boolean;
}

export function NoContent({ removed, plain }: Props) {
  const t = content.useT();
  const report = useContext(QueryClientContext)?.getQueryData<AuthReport>(authKey);
  const [title, hint] = !may(report, 'content')
    ? [t('withheld'), t('withheldHint')]
    : removed !== undefined && removed.length > 0
      ? [t('removed'), t('removedHint')]
      : [t('notCaptured'), t('notCapturedHint')];
  if (plain) return <Text size="xs" c="dimmed">{title}</Text>;
  return <Alert color="gray" variant="light" icon={<IconEyeOff size={16} />} title={title} p="xs"><Text size="xs">{hint}</Text></Alert>;
}
