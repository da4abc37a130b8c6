import { ActionIcon, Menu, Text } from '@mantine/core';
import { IconCheck, IconLogout, IconUser } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { post } from '~/api/client';
import { notify } from '~/ui/notify';
import { may, take, type Account, type AuthReport } from './data';
import { account } from './messages';

/** Who is looking, whose data it is, and the way out. */
export default function AccountMenu({ report, user }: { report: AuthReport; user: Account }) {
  const t = account.useT();
  const client = useQueryClient();
  const change = (path: string, body: unknown) => {
    post<AuthReport>(path, body).then((next) => take(client, next), (e: unknown) => notify({ color: 'red', message: e instanceof Error ? e.message : String(e) }));
  };
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={t('account')} data-testid="account"><IconUser size={18} /></ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{user.name}{user.roles.length > 0 ? ` · ${user.roles.join(', ')}` : ''}</Menu.Label>
        {!may(report, 'content') && <Text size="xs" c="dimmed" px="sm" pb={4} maw={220}>{t('noContent')}</Text>}
        {user.tenants.length > 1 && (
          <>
            <Menu.Divider />
            <Menu.Label>{t('project')}</Menu.Label>
            {user.tenants.slice(0, 50).map((each) => (
              <Menu.Item key={each} leftSection={each === user.tenant ? <IconCheck size={14} /> : <span style={{ width: 14, display: 'inline-block' }} />} onClick={() => change('/auth/tenant', { tenant: each })}>
                {each === '' ? t('defaultTenant') : each}
              </Menu.Item>
            ))}
          </>
        )}
        {user.session && (
          <>
            <Menu.Divider />
            <Menu.Item leftSection={<IconLogout size={14} />} onClick={() => change('/auth/logout', {})}>{t('logout')}</Menu.Item>
          </>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
