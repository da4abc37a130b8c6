// What a panel or a page shows when it has nothing to show.

import { Alert, Button, Center, Code, Skeleton, Stack, Text, ThemeIcon } from '@mantine/core';
import { IconAlertTriangle, IconInbox, IconLock } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { ApiError } from '~/api/client';
import { common } from '~/i18n/common';

/** With `rows`, what is coming is a list. */
export function Loading({ height = 160, label, rows }: { height?: number; label?: string; rows?: boolean }) {
  const t = common.useT();
  if (rows) {
    return (
      <Stack gap={12} p="sm" mih={height}>
        {[...Array(Math.max(3, Math.floor(height / 26))).keys()].map((i) => <Skeleton key={i} height={14} width={`${96 - ((i * 37) % 24)}%`} radius="sm" {...(i === 0 ? { role: 'status', 'aria-label': label ?? t('loading') } : { 'aria-hidden': true })} />)}
      </Stack>
    );
  }
  return <Skeleton height={height} radius="sm" role="status" aria-label={label ?? t('loading')} />;
}

export function Empty({ title, hint, action, height }: { title?: string; hint?: ReactNode; action?: ReactNode; height?: number }) {
  const t = common.useT();
  return (
    <Center mih={height ?? 120} p="md">
      <Stack align="center" gap={6}>
        <ThemeIcon variant="light" color="gray" size="lg" radius="xl">
          <IconInbox size={18} />
        </ThemeIcon>
        <Text size="sm" fw={500} ta="center">{title ?? t('noData')}</Text>
        {(hint !== undefined || title === undefined) && <Text size="xs" c="dimmed" ta="center" maw={420}>{hint ?? t('noDataHint')}</Text>}
        {action}
      </Stack>
    </Center>
  );
}

/** Says whether an answer is kept from who is looking. */
export function notAllowed(error: unknown): boolean {
  return error instanceof ApiError && error.status === 403 && error.code === 'forbidden';
}

/** An error with what to do about it. The server's hints are shown as they are. */
export function Failure({ error, retry, compact }: { error: unknown; retry?: () => void; compact?: boolean }) {
  const t = common.useT();
  const e = error instanceof ApiError ? error : undefined;
  if (notAllowed(error)) {
    // It works as it should: there is nothing to try again.
    return (
      <Alert color="gray" variant="light" icon={<IconLock size={16} />} title={compact ? undefined : t('notForYou')}>
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>{error instanceof Error ? error.message : ''}</Text>
        {e !== undefined && e.hint !== '' && <Text size="xs" c="dimmed">{e.hint}</Text>}
      </Alert>
    );
  }
  const text = e?.code === 'network' ? t('networkError') : error instanceof Error ? error.message : String(error);
  return (
    <Alert color="red" variant="light" icon={<IconAlertTriangle size={16} />} title={compact ? undefined : e?.code === 'not_found' ? t('notFound') : t('failed')} role="alert">
      <Stack gap={4} align="flex-start">
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>{text}</Text>
        {e !== undefined && e.hint !== '' && <Text size="xs" c="dimmed">{e.hint}</Text>}
        {e !== undefined && !compact && e.code !== 'network' && <Code fz={11}>{e.code}</Code>}
        {retry && <Button size="compact-xs" variant="light" color="red" onClick={retry}>{t('retry')}</Button>}
      </Stack>
    </Alert>
  );
}

/** Loading, failed, empty, or the children: the four states of what is asked for. */
export function States<T>({ query, empty, children, height, emptyState }: {
  query: { data: T | undefined; error: unknown; isPending: boolean; refetch?: () => unknown };
  /** Says whether there is nothing in the data. */
  empty?: (data: T) => boolean;
  children: (data: T) => ReactNode;
  height?: number;
  emptyState?: ReactNode;
}) {
  if (query.data === undefined) {
    if (query.error) return <Failure error={query.error} retry={query.refetch ? () => void query.refetch?.() : undefined} />;
    return <Loading height={height} />;
  }
  if (empty?.(query.data)) return <>{emptyState ?? <Empty height={height} />}</>;
  return <>{children(query.data)}</>;
}
