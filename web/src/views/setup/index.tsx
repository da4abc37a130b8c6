import { Badge, Box, Button, Code, Group, Paper, SimpleGrid, Stack, Tabs, Text, TextInput, Title } from '@mantine/core';
import { IconCircleCheckFilled, IconCircleDashed, IconSearch, IconStethoscope } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { get } from '~/api/client';
import { count } from '~/format/number';
import { useParam } from '~/state/url';
import { CopyButton } from '~/ui/Copy';
import { Link } from '~/ui/Link';
import { When } from '~/ui/values';
import { setup } from './messages';
import classes from './setup.module.css';
import { arrival, complete, connections, groupOrder, type Addresses, type Connection, type Way } from './snippets';

interface SetupReport {
  since?: string;
  any: boolean;
  /** Older data is still being counted: that nothing came is not known yet. */
  scanning?: boolean;
  addresses: Addresses;
  ways: Way[];
}

const every = 3000;

export default function SetupView() {
  const t = setup.useT();
  const q = useQuery({ queryKey: ['setup'], queryFn: ({ signal }) => get<SetupReport>('/setup', {}, signal), refetchInterval: every, retry: false });
  const [search, setSearch] = useParam('search');
  const [chosen, setChosen] = useParam('way', 'openai');
  const addresses = useMemo(() => complete(q.data?.addresses, window.location.origin), [q.data]);
  const ways = q.data?.ways ?? [];
  const match = (c: Connection) => search === '' || (c.title + ' ' + c.id + ' ' + c.snippets.map((s) => s.title).join(' ')).toLowerCase().includes(search.toLowerCase());
  const shown = connections.filter(match);
  const current = shown.find((c) => c.id === chosen) ?? shown[0];
  const refused = ways.reduce((n, w) => n + (w.refused ?? 0), 0);
  return (
    <Stack gap="sm" maw={1200} mx="auto">
      <Group justify="space-between" align="flex-end">
        <Box>
          <Title order={1} fz="xl">{t('title')}</Title>
          <Text size="sm" c="dimmed">{t('intro')}</Text>
        </Box>
        <Group gap="xs">
          {q.data?.any === false && q.data.scanning !== true && <Badge color="gray" variant="light" tt="none">{t('nothing')}</Badge>}
          {q.data?.any === true && <Button size="xs" variant="light" renderRoot={(p) => <Link to="/calls" {...p}>{p.children}</Link>}>{t('see')}</Button>}
        </Group>
      </Group>
      {q.error !== null && <Text size="xs" c="dimmed" role="status">{t('unavailable', { error: q.error.message })}</Text>}
      <Paper withBorder p="sm" radius="md">
        <Text size="xs" fw={600} mb={4}>{t('addresses')}</Text>
        <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }} spacing="xs">
          {([['gatewayAddress', addresses.gateway, q.data?.addresses.gateway], ['otlpHttp', addresses.otlp_http, q.data?.addresses.otlp_http], ['otlpGrpc', addresses.otlp_grpc, q.data?.addresses.otlp_grpc], ['api', addresses.api, q.data?.addresses.api]] as const).map(([k, v, on]) => (
            <Group key={k} gap={4} wrap="nowrap">
              <Box style={{ minWidth: 0 }}>
                <Text size="xs" c="dimmed">{t(k)}{q.data !== undefined && on === undefined ? ` (${t('off')})` : ''}</Text>
                <Text size="sm" className="mono" truncate>{v}</Text>
              </Box>
              <CopyButton text={v} label={`${t(k)}: ${v}`} />
            </Group>
          ))}
        </SimpleGrid>
      </Paper>
      <Box className={classes.columns}>
        <Stack gap="xs" component="nav" aria-label={t('title')}>
          <TextInput size="xs" data-search placeholder={t('search')} aria-label={t('search')} leftSection={<IconSearch size={14} />} value={search} onChange={(e) => setSearch(e.currentTarget.value)} />
          {groupOrder.map((g) => {
            const list = shown.filter((c) => c.group === g);
            if (list.length === 0) return null;
            return (
              <Box key={g}>
                <Text size="xs" fw={600} mb={2}>{t(g)}</Text>
                {list.map((c) => <Choice key={c.id} connection={c} ways={ways} active={current?.id === c.id} onClick={() => setChosen(c.id)} />)}
              </Box>
            );
          })}
        </Stack>
        {current !== undefined && <Details key={current.id} connection={current} addresses={addresses} ways={ways} />}
      </Box>
      <Group gap="xs">
        <Text size="sm">{refused > 0 ? t('refused', { count: refused }) : t('nothingShows')}</Text>
        <Link to="/status/doctor" size="sm"><IconStethoscope size={14} style={{ verticalAlign: -2 }} /> {t('doctor')}</Link>
      </Group>
      <Text size="xs" c="dimmed">{t('demo').split('`').map((part, i) => (i % 2 === 1 ? <Code key={part}>{part}</Code> : part))}</Text>
    </Stack>
  );
}

function Choice({ connection, ways, active, onClick }: { connection: Connection; ways: readonly Way[]; active: boolean; onClick: () => void }) {
  const t = setup.useT();
  const a = arrival(connection, ways);
  return (
    <button type="button" className={classes.choice} aria-pressed={active} onClick={onClick}>
      {a.received ? <IconCircleCheckFilled size={16} className={classes.green} aria-hidden="true" /> : <IconCircleDashed size={16} className={classes.grey} aria-hidden="true" />}
      <span className={classes.name}>{connection.title}</span>
      <span className={classes.state}>{a.received ? t('arrived') : ''}</span>
    </button>
  );
}

function Details({ connection: c, addresses, ways }: { connection: Connection; addresses: Required<Addresses>; ways: readonly Way[] }) {
  const t = setup.useT();
  const a = arrival(c, ways);
  return (
    <Paper withBorder p="md" radius="md" component="section" aria-label={c.title}>
      <Group justify="space-between" mb={4}>
        <Title order={2} fz="lg">{c.title}</Title>
        <Badge size="lg" variant="light" tt="none" color={a.received ? 'green' : 'gray'} role="status" leftSection={a.received ? <IconCircleCheckFilled size={14} /> : <IconCircleDashed size={14} />}>
          {a.received ? t('arrived') : t('waiting')}
        </Badge>
      </Group>
      <Text size="sm" c="dimmed">{t(`${c.group}Hint` as 'gatewayHint')}</Text>
      {a.received && (
        <Text size="sm" mt={4}>
          {count(a.count)} · {t('last')} {a.last === undefined ? '–' : <When time={a.last} />}
        </Text>
      )}
      {a.error !== undefined && <Text size="sm" mt={4} c="red" style={{ overflowWrap: 'anywhere' }}>{a.error}</Text>}
      <Tabs defaultValue={c.snippets[0]?.title} mt="sm" keepMounted={false}>
        <Tabs.List>
          {c.snippets.map((s) => <Tabs.Tab key={s.title} value={s.title} py={6} px="sm" fz="sm">{s.title}</Tabs.Tab>)}
        </Tabs.List>
        {c.snippets.map((s) => {
          const code = s.code(addresses);
          return (
            <Tabs.Panel key={s.title} value={s.title} pt="xs">
              <Box pos="relative">
                <pre className={classes.code} tabIndex={0}>{code}</pre>
                <Box pos="absolute" top={6} right={6}><CopyButton text={code} size="sm" label={undefined} /></Box>
              </Box>
            </Tabs.Panel>
          );
        })}
      </Tabs>
      <Text size="xs" c="dimmed" mt="sm">{t('more', { page: c.docs })}</Text>
    </Paper>
  );
}
