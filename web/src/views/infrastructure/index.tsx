// Model servers and GPUs: who is full, and what stands idle.

import { Button, Code, Group, Stack, Text, Title } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { common } from '~/i18n/common';
import { useParams } from '~/state/url';
import { CopyButton } from '~/ui/Copy';
import { Link } from '~/ui/Link';
import type { Dashboard } from '~/ui/prom/definition';
import { Stat } from '~/ui/Stat';
import { Empty, States } from '~/ui/states';
import { Rows } from '~/views/dashboards/DashboardPage';
import { useDashboards } from '~/views/dashboards/useDashboards';
import { useGPUs, usePrices, useServers } from './data';
import { GPUs } from './GPUs';
import { mean, type GPU } from './gpus';
import classes from './infrastructure.module.css';
import { messages } from './messages';
import { Prices } from './Prices';
import { Servers } from './Servers';
import { totalOf, type ServerRow } from './servers';

const example = `model_servers:
  - preset: vllm            # sglang, tgi, llama.cpp, triton, litellm, dcgm, ...
    targets: [gpu-node-1, gpu-node-2:8001]
`;

export default function View() {
  const t = messages.useT();
  const c = common.useT();
  const servers = useServers();
  const gpus = useGPUs();
  const prices = usePrices();
  const [params, set] = useParams();
  const server = params.get('server') ?? '';
  const model = params.get('model') ?? '';
  const instance = params.get('on') ?? '';
  const selected = [server, model, instance].join(' ');
  const select = (r: ServerRow) => set(r.key === selected ? { server: null, model: null, on: null } : { server: r.server, model: r.model, on: r.instance });
  const none = servers.data?.length === 0;
  return (
    <Stack gap={10}>
      <Group justify="space-between">
        <Title order={1} fz="lg">{c('infrastructure')}</Title>
        <Link to="/dashboards/infrastructure" size="sm">{t('toDashboard')}</Link>
      </Group>
      <States query={servers} height={200}>
        {(rows) => (
          <>
            {(rows.length > 0 || (gpus.data?.length ?? 0) > 0) && <Figures rows={rows} gpus={gpus.data ?? []} />}
            {rows.length === 0 ? <NoServers /> : <Servers rows={rows} selected={selected} onSelect={select} busy={servers.isPlaceholderData} />}
          </>
        )}
      </States>
      <div className={classes.pair} data-both={(prices.data?.length ?? 0) > 0 ? '' : undefined}>
        <section aria-label={t('gpus')}>
          <States query={gpus} height={140} empty={(list) => list.length === 0} emptyState={<Empty height={100} title={t('noGPUs')} hint={t('noGPUsHint')} />}>
            {(list) => <GPUs gpus={list} />}
          </States>
        </section>
        {prices.data !== undefined && prices.data.length > 0 && <Prices prices={prices.data} />}
      </div>
      {!none && (server !== '' || model !== '') && (
        <Group gap={6}>
          <Text size="sm" fw={600}>{t('chosen', { server, model })}</Text>
          <Button size="compact-xs" variant="subtle" leftSection={<IconX size={12} />} onClick={() => set({ server: null, model: null, on: null })}>{t('all')}</Button>
          {model !== '' && <Link to={`/calls?model=${encodeURIComponent(model)}`} size="xs">{t('showCalls')}</Link>}
        </Group>
      )}
      <History server={server} model={model} servers={!none} gpus={(gpus.data?.length ?? 0) > 0} />
    </Stack>
  );
}

function Figures({ rows, gpus }: { rows: readonly ServerRow[]; gpus: readonly GPU[] }) {
  const t = messages.useT();
  const known = rows.filter((r) => r.up !== undefined);
  const down = known.filter((r) => r.up === false).length;
  const waiting = totalOf(rows, 'waiting');
  const kv = Math.max(...rows.map((r) => r.values.kv ?? -1));
  const power = gpus.map((g) => g.now.power).filter((v) => v !== undefined);
  return (
    <section aria-label={t('summary')} className={classes.figures}>
      <Stat title={t('serversUp')} value={known.length === 0 ? undefined : known.length - down} unit="count" level={down > 0 ? 'critical' : undefined} note={t('ofAll', { count: rows.length })} />
      <Stat title={t('running')} value={totalOf(rows, 'running')} unit="count" />
      <Stat title={t('waiting')} value={waiting} unit="count" level={waiting !== undefined && waiting >= 10 ? 'critical' : waiting !== undefined && waiting >= 1 ? 'warning' : undefined} description={t('queueSign')} />
      <Stat title={t('kv')} value={kv < 0 ? undefined : kv} unit="ratio" level={kv >= 0.98 ? 'critical' : kv >= 0.9 ? 'warning' : undefined} note={rows.find((r) => r.values.kv === kv)?.model} />
      <Stat title={t('generated')} value={totalOf(rows, 'generated')} unit="tokens_per_second" />
      <Stat title={t('meanUse')} value={mean(gpus.map((g) => g.now.utilization))} unit="percent" note={power.length === 0 ? t('ofAll', { count: gpus.length }) : `${gpus.length} GPU · ${Math.round(power.reduce((a, b) => a + b, 0))} W`} />
    </section>
  );
}

function NoServers() {
  const t = messages.useT();
  return (
    <Empty height={200} title={t('noServers')} hint={t('noServersHint')} action={
      <Stack gap={8} align="center">
        <Group gap={4} align="flex-start" wrap="nowrap"><Code block aria-label={t('example')}>{example}</Code><CopyButton text={example} /></Group>
        <Link to="/setup" size="sm">{t('connect')}</Link>
      </Stack>
    } />
  );
}

/** The charts of the infrastructure dashboard, for what was chosen. */
function History({ server, model, servers, gpus }: { server: string; model: string; servers: boolean; gpus: boolean }) {
  const q = useDashboards();
  const d: Dashboard | undefined = q.data?.find((x) => x.id === 'infrastructure');
  if (d === undefined) return null;
  const chosen = { server: server === '' ? [] : [server], model: model === '' ? [] : [model], gpu_id: [], instance: [] };
  return (
    <div>
      {servers && <Rows dashboard={d} chosen={chosen} only={(id) => id.startsWith('server_')} />}
      {gpus && <Rows dashboard={d} chosen={chosen} only={(id) => id.startsWith('gpu_')} />}
    </div>
  );
}
