import { Alert, Badge, Button, Checkbox, Code, Group, Modal, NumberInput, Select, Stack, Table, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconKey } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { may, useAuth } from '~/account/data';
import { account } from '~/account/messages';
import { ApiError, base, get, post, request } from '~/api/client';
import { ago } from '~/format/time';
import { common } from '~/i18n/common';
import { CopyButton } from '~/ui/Copy';
import { Panel } from '~/ui/Panel';
import { Empty, Failure, States } from '~/ui/states';

interface ApiKey {
  id: string;
  name: string;
  scopes: string[];
  tenant?: string;
  created: string;
  creator?: string;
  expires?: string;
  last_used?: string;
  state: 'active' | 'expired' | 'revoked';
}

interface KeysReport {
  keys: ApiKey[];
  scopes: string[];
}

const keysKey = ['keys'] as const;

const scopeTexts = {
  ingest: 'scopeIngest', feedback: 'scopeFeedback', query: 'scopeQuery', content: 'scopeContent', gateway: 'scopeGateway', admin: 'scopeAdmin',
} as const;

export default function View() {
  const t = account.useT();
  const auth = useAuth();
  const q = useQuery({ queryKey: keysKey, queryFn: ({ signal }) => get<KeysReport>('/keys', {}, signal), enabled: auth.data !== undefined && may(auth.data, 'admin') });
  const [making, { open, close }] = useDisclosure(false);
  if (auth.data !== undefined && !may(auth.data, 'admin')) return <Empty title={t('notAllowed')} hint="" height={240} />;
  return (
    <Panel title={t('keys')} description={t('keysHint')} actions={<Button size="compact-sm" leftSection={<IconKey size={14} />} onClick={open}>{t('newKey')}</Button>}>
      <States query={q} height={200} empty={(d) => d.keys.length === 0} emptyState={<Empty title={t('noKeys')} hint={t('keysHint')} action={<Button size="xs" variant="light" onClick={open}>{t('newKey')}</Button>} />}>
        {(d) => <Keys keys={d.keys} />}
      </States>
      {making && <NewKey scopes={q.data?.scopes ?? Object.keys(scopeTexts)} tenants={auth.data?.user?.tenants ?? ['']} tenant={auth.data?.user?.tenant ?? ''} onClose={close} />}
    </Panel>
  );
}

function Keys({ keys }: { keys: ApiKey[] }) {
  const t = account.useT();
  const c = common.useT();
  const client = useQueryClient();
  const [asked, setAsked] = useState<ApiKey>();
  const [error, setError] = useState<unknown>();
  const revoke = (k: ApiKey) => {
    request(`${base}/keys/${encodeURIComponent(k.id)}`, { method: 'DELETE' }).then(
      () => { setAsked(undefined); setError(undefined); void client.invalidateQueries({ queryKey: keysKey }); },
      (e: unknown) => setError(e),
    );
  };
  return (
    <>
      <Table.ScrollContainer minWidth={640}>
        <Table striped>
          <Table.Thead>
            <Table.Tr><Table.Th>{c('name')}</Table.Th><Table.Th>ID</Table.Th><Table.Th>{t('scopes')}</Table.Th><Table.Th>{t('tenant')}</Table.Th><Table.Th>{c('state')}</Table.Th><Table.Th>{t('created')}</Table.Th><Table.Th>{t('lastUsed')}</Table.Th><Table.Th /></Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {keys.map((k) => (
              <Table.Tr key={k.id} data-testid="key">
                <Table.Td>{k.name}</Table.Td>
                <Table.Td><Code>{k.id}</Code></Table.Td>
                <Table.Td>{k.scopes.join(', ')}</Table.Td>
                <Table.Td>{k.tenant === undefined || k.tenant === '' ? t('defaultTenant') : k.tenant}</Table.Td>
                <Table.Td><Badge color={k.state === 'active' ? 'teal' : 'gray'} variant="outline">{t(k.state)}</Badge></Table.Td>
                <Table.Td>{ago(Date.parse(k.created))}{k.creator === undefined ? '' : ` · ${k.creator}`}</Table.Td>
                <Table.Td>{k.last_used === undefined ? t('never') : ago(Date.parse(k.last_used))}</Table.Td>
                <Table.Td>{k.state === 'active' && <Button size="compact-xs" variant="subtle" color="red" onClick={() => { setError(undefined); setAsked(k); }}>{t('revoke')}</Button>}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      <Modal opened={asked !== undefined} onClose={() => setAsked(undefined)} title={t('revoke')} closeButtonProps={{ 'aria-label': c('close') }}>
        {asked !== undefined && (
          <Stack>
            <Text size="sm">{t('revokeAsk', { name: asked.name })}</Text>
            {error !== undefined && <Failure error={error} compact />}
            <Group justify="flex-end"><Button variant="default" onClick={() => setAsked(undefined)}>{c('cancel')}</Button><Button color="red" onClick={() => revoke(asked)}>{t('revoke')}</Button></Group>
          </Stack>
        )}
      </Modal>
    </>
  );
}

/** Splits what was typed at its commas. */
function list(text: string): string[] | undefined {
  const out = text.split(',').map((s) => s.trim()).filter((s) => s !== '');
  return out.length > 0 ? out : undefined;
}

function NewKey({ scopes, tenants, tenant, onClose }: { scopes: string[]; tenants: string[]; tenant: string; onClose: () => void }) {
  const t = account.useT();
  const c = common.useT();
  const client = useQueryClient();
  const [name, setName] = useState('');
  const [chosen, setChosen] = useState<string[]>([]);
  const [owner, setOwner] = useState(tenant);
  const [ttl, setTTL] = useState('90d');
  const [service, setService] = useState('');
  const [upstreams, setUpstreams] = useState('');
  const [models, setModels] = useState('');
  const [rpm, setRPM] = useState<number | string>('');
  const [tpm, setTPM] = useState<number | string>('');
  const [secret, setSecret] = useState<string>();
  const [error, setError] = useState<unknown>();
  const submit = (e: FormEvent) => {
    e.preventDefault();
    const gateway = chosen.includes('gateway')
      ? { service: service || undefined, upstreams: list(upstreams), models: list(models), requests_per_minute: Number(rpm) || undefined, tokens_per_minute: Number(tpm) || undefined }
      : undefined;
    const some = gateway !== undefined && Object.values(gateway).some((v) => v !== undefined);
    post<{ secret: string }>('/keys', { name, scopes: chosen, tenant: owner === '' ? undefined : owner, ttl: ttl === '' ? undefined : ttl, gateway: some ? gateway : undefined }).then(
      (made) => { setSecret(made.secret); setError(undefined); void client.invalidateQueries({ queryKey: keysKey }); },
      (err: unknown) => setError(err instanceof ApiError ? err : new Error(String(err))),
    );
  };
  return (
    <Modal opened onClose={onClose} title={t('newKey')} size="md" closeButtonProps={{ 'aria-label': c('close') }} closeOnClickOutside={secret === undefined}>
      {secret !== undefined ? (
        <Stack>
          <Alert color="orange" variant="light">{t('shown')}</Alert>
          <Group wrap="nowrap" gap="xs"><Code block style={{ overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' }} data-testid="secret">{secret}</Code><CopyButton text={secret} size="sm" /></Group>
          <Button onClick={onClose}>{t('done')}</Button>
        </Stack>
      ) : (
        <form onSubmit={submit}>
          <Stack gap="sm">
            <TextInput label={t('keyName')} required maxLength={128} value={name} onChange={(e) => setName(e.currentTarget.value)} data-autofocus />
            <Checkbox.Group label={t('scopes')} value={chosen} onChange={setChosen}>
              <Stack gap={6} mt={4}>
                {scopes.map((s) => {
                  const text = scopeTexts[s as keyof typeof scopeTexts] as (typeof scopeTexts)[keyof typeof scopeTexts] | undefined;
                  return <Checkbox key={s} value={s} label={text === undefined ? s : `${s}: ${t(text)}`} />;
                })}
              </Stack>
            </Checkbox.Group>
            {tenants.length > 1 && <Select label={t('project')} allowDeselect={false} value={owner} onChange={(v) => setOwner(v ?? '')} data={tenants.map((x) => ({ value: x, label: x === '' ? t('defaultTenant') : x }))} />}
            <Select label={t('expires')} allowDeselect={false} value={ttl} onChange={(v) => setTTL(v ?? '')} data={[...[7, 30, 90, 365].map((n) => ({ value: `${n}d`, label: t('days', { count: n }) })), { value: '', label: t('forever') }]} />
            {chosen.includes('gateway') && (
              <>
                <TextInput label={t('service')} value={service} onChange={(e) => setService(e.currentTarget.value)} />
                <TextInput label={t('upstreams')} description={t('listHint')} placeholder={t('anyValue')} value={upstreams} onChange={(e) => setUpstreams(e.currentTarget.value)} />
                <TextInput label={t('models')} description={t('listHint')} placeholder={t('anyValue')} value={models} onChange={(e) => setModels(e.currentTarget.value)} />
                <Group grow><NumberInput label={t('requestsPerMinute')} placeholder={t('unlimited')} min={0} value={rpm} onChange={setRPM} /><NumberInput label={t('tokensPerMinute')} placeholder={t('unlimited')} min={0} value={tpm} onChange={setTPM} /></Group>
              </>
            )}
            {error !== undefined && <Failure error={error} compact />}
            <Group justify="flex-end"><Button variant="default" onClick={onClose}>{c('cancel')}</Button><Button type="submit" disabled={name.trim() === '' || chosen.length === 0}>{t('create')}</Button></Group>
          </Stack>
        </form>
      )}
    </Modal>
  );
}
