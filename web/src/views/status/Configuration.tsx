import { Alert, Button, Group, Modal, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { notify } from '~/ui/notify';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { get, request } from '~/api/client';
import { useSettings } from '~/state/settings';
import { CopyButton, curl } from '~/ui/Copy';
import { DataTable, type Column } from '~/ui/DataTable';
import { Panel } from '~/ui/Panel';
import { Empty, Failure, States } from '~/ui/states';
import { When } from '~/ui/values';
import { common } from '~/i18n/common';
import { status } from './messages';
import classes from './status.module.css';

interface Change {
  key: string;
  value: string;
  default?: string;
}

interface ConfigReport {
  file?: string;
  digest: string;
  loaded: string;
  last_error?: string;
  yaml: string;
  changed: Change[];
  warnings: { code: string; message: string }[];
}

export default function Configuration() {
  const t = status.useT();
  const c = common.useT();
  const { tick } = useSettings();
  const client = useQueryClient();
  const [asking, ask] = useDisclosure(false);
  const q = useQuery({ queryKey: ['config', tick], queryFn: ({ signal }) => get<ConfigReport>('/config', {}, signal), placeholderData: (was) => was });
  const reload = useMutation({
    mutationFn: () => request('/-/reload', { method: 'POST' }),
    onSuccess: () => {
      ask.close();
      notify({ message: t('reloaded'), color: 'green' });
    },
    onSettled: () => void client.invalidateQueries(),
  });
  const columns: Column<Change>[] = [
    { id: 'key', title: c('name'), width: 'minmax(200px, 1fr)', cell: (x) => <span className="mono">{x.key}</span> },
    { id: 'value', title: c('value'), width: 'minmax(200px, 2fr)', cell: (x) => <span className="mono" title={x.value}>{x.value}</span> },
    { id: 'default', title: t('default'), width: 'minmax(120px, 1fr)', cell: (x) => <span className="mono">{x.default ?? '–'}</span> },
  ];
  return (
    <States query={q} height={320}>
      {(d) => (
        <Stack gap="sm">
          <Group justify="space-between">
            <Text size="sm" component="div">{t('configFile')}: <span className="mono">{d.file ?? t('noFile')}</span> · {t('loaded')} <When time={d.loaded} /> · {t('digest')} <span className="mono">{d.digest}</span></Text>
            <Button size="xs" variant="default" onClick={ask.open} disabled={d.file === undefined}>{t('reload')}</Button>
          </Group>
          {d.last_error !== undefined && <Alert color="red" title={t('reloadFailed')}>{d.last_error}</Alert>}
          {d.warnings.map((w) => <Alert key={w.code + w.message} color="orange" py={6} title={t('warnings')}>{w.message}</Alert>)}
          <Panel title={t('changed')}>
            {d.changed.length === 0 ? <Empty title={t('allDefaults')} hint="" height={60} /> : <DataTable label={t('changed')} columns={columns} rows={d.changed} rowKey={(x) => x.key} maxHeight={320} />}
          </Panel>
          <Panel title={t('effective')} curl={curl('/config')} actions={<CopyButton text={d.yaml} />}>
            <pre className={classes.yaml} tabIndex={0} aria-label={t('effective')}>{d.yaml}</pre>
          </Panel>
          <Modal opened={asking} onClose={ask.close} title={t('reload')} closeButtonProps={{ 'aria-label': c('close') }}>
            <Stack gap="sm">
              <Text size="sm">{t('reloadAsk')}</Text>
              {reload.error && <Failure error={reload.error} />}
              <Group justify="flex-end"><Button size="xs" variant="default" onClick={ask.close}>{c('cancel')}</Button><Button size="xs" loading={reload.isPending} onClick={() => reload.mutate()}>{t('reload')}</Button></Group>
            </Stack>
          </Modal>
        </Stack>
      )}
    </States>
  );
}
