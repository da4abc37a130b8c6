import { Alert, Button, Center, Divider, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { base, post } from '~/api/client';
import { useDocumentTitle } from '@mantine/hooks';
import { Failure } from '~/ui/states';
import { returnPath, take, type AuthReport } from './data';
import { account } from './messages';

export default function Login({ report }: { report: AuthReport }) {
  const t = account.useT();
  const client = useQueryClient();
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  useDocumentTitle(`${t('login')} · Pitot`);
  const told = window.location.pathname === '/login' ? new URLSearchParams(window.location.search).get('error') : null;
  const submit = async (e: FormEvent) => {
    e.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      const next = await post<AuthReport>('/auth/login', { name, password });
      setPassword('');
      if (window.location.pathname === '/login') window.history.replaceState(null, '', '/');
      take(client, next);
    } catch (err) {
      setError(err);
    } finally {
      setBusy(false);
    }
  };
  const back = returnPath(window.location);
  return (
    <Center mih="100vh" p="md">
      <Paper withBorder p="xl" radius="md" w={360} component="main">
        <Stack gap="md">
          <div>
            <Title order={1} size="h3">Pitot</Title>
            <Text size="sm" c="dimmed">{t('loginHint')}</Text>
          </div>
          {told !== null && error === undefined && <Alert color="red" variant="light" title={t('failed')} role="alert"><Text size="sm" style={{ overflowWrap: 'anywhere' }}>{told}</Text></Alert>}
          {error !== undefined && <Failure error={error} compact />}
          {report.password === true && (
            <form onSubmit={(e) => void submit(e)}>
              <Stack gap="sm">
                <TextInput label={t('name')} name="username" autoComplete="username" required value={name} onChange={(e) => setName(e.currentTarget.value)} data-autofocus autoFocus />
                <PasswordInput label={t('password')} name="password" autoComplete="current-password" required value={password} onChange={(e) => setPassword(e.currentTarget.value)} />
                <Button type="submit" loading={busy}>{t('login')}</Button>
              </Stack>
            </form>
          )}
          {report.password === true && report.oidc !== undefined && <Divider label={t('or')} labelPosition="center" />}
          {report.oidc !== undefined && (
            <Button component="a" variant="default" href={`${base}/auth/oidc/login?return=${encodeURIComponent(back)}`}>{t('loginWith', { name: report.oidc })}</Button>
          )}
          {report.password !== true && report.oidc === undefined && <Alert color="orange" variant="light" title={t('noWay')}><Text size="sm">{t('noWayHint')}</Text></Alert>}
        </Stack>
      </Paper>
    </Center>
  );
}
