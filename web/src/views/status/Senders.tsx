import { Badge, Code, Group, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { get } from '~/api/client';
import type { SendersReport } from '~/api/types';
import { count } from '~/format/number';
import { useLanguage } from '~/i18n';
import { useTime } from '~/state/time';
import { useParam } from '~/state/url';
import { curl, CopyButton } from '~/ui/Copy';
import { DataTable, type Column } from '~/ui/DataTable';
import { Link } from '~/ui/Link';
import { Panel } from '~/ui/Panel';
import { Empty, States } from '~/ui/states';
import { LevelBadge, When } from '~/ui/values';
import { common } from '~/i18n/common';
import { status } from './messages';

type Sender = SendersReport['senders'][number];
type Finding = Sender['findings'][number];

const level = { wrong_numbers: 'critical', missing: 'warning', cosmetic: 'muted' } as const;
const keyOf = (s: Sender) => [s.service, s.source, s.name, s.scope].join('|');

export default function Senders() {
  const t = status.useT();
  const c = common.useT();
  const { api } = useTime();
  const [open, setOpen] = useParam('sender');
  const q = useQuery({ queryKey: ['senders', api.start, api.end], queryFn: ({ signal }) => get<SendersReport>('/senders', api, signal), placeholderData: (was) => was });
  const columns: Column<Sender>[] = [
    { id: 'service', title: c('service'), width: 'minmax(120px, 1fr)', cell: (s) => s.service ?? '–' },
    { id: 'name', title: t('sender'), width: 'minmax(160px, 1.4fr)', cell: (s) => <span title={s.scope}>{s.name}{s.scope_version === undefined ? '' : ` ${s.scope_version}`}</span> },
    { id: 'source', title: c('source'), width: '90px', cell: (s) => s.source },
    { id: 'calls', title: c('calls'), width: '90px', align: 'right', cell: (s) => count(s.calls) },
    { id: 'spans', title: t('spans'), width: '90px', align: 'right', cell: (s) => count(s.spans) },
    { id: 'errors', title: c('errors'), width: '80px', align: 'right', cell: (s) => count(s.errors) },
    { id: 'last', title: t('lastSeen'), width: '130px', cell: (s) => <When time={s.last_seen} /> },
    { id: 'findings', title: t('findings'), width: 'minmax(160px, 1fr)', cell: (s) => (s.findings.length === 0 ? <Text span size="xs" c="dimmed">{t('noFindings')}</Text> : <Group gap={4} wrap="nowrap">{(['wrong_numbers', 'missing', 'cosmetic'] as const).map((x) => [x, s.findings.filter((f) => f.severity === x).length] as const).filter(([, n]) => n > 0).map(([x, n]) => <LevelBadge key={x} level={level[x]}>{t(x)} {n}</LevelBadge>)}</Group>) },
  ];
  return (
    <States query={q} empty={(d) => d.senders.length === 0} emptyState={<Empty title={t('noSenders')} hint={t('noSendersHint')} action={<Link to="/setup" size="sm">{c('setup')}</Link>} height={240} />}>
      {(d) => {
        const chosen = d.senders.find((s) => keyOf(s) === open) ?? d.senders[0];
        return (
          <Stack gap="sm">
            <Panel title={t('senders')} curl={curl('/senders', api)}>
              <Text size="sm" c="dimmed" mb="xs">{t('sendersIntro')}</Text>
              <DataTable label={t('senders')} columns={columns} rows={d.senders} rowKey={keyOf} selected={chosen === undefined ? undefined : keyOf(chosen)} onOpen={(s) => setOpen(keyOf(s))} maxHeight={340} rowTone={(s) => (s.findings.some((f) => f.severity === 'wrong_numbers') ? 'critical' : s.findings.some((f) => f.severity === 'missing') ? 'warning' : undefined)} />
            </Panel>
            {d.findings.length > 0 && <Panel title={t('findings')}><Findings list={d.findings} /></Panel>}
            {chosen !== undefined && (
              <Panel title={`${chosen.service ?? '–'} · ${chosen.name}`}>
                <Findings list={chosen.findings} />
                <Text size="xs" fw={600} mt="sm" mb={4}>{t('fields')}</Text>
                <Group gap={6}>
                  {chosen.fields.map((f) => (
                    <Badge key={f.field} size="sm" variant="light" tt="none" color={f.state === 'delivered' ? 'green' : f.state === 'partial' ? 'cyan' : f.state === 'missing' ? 'orange' : 'gray'} title={`${count(f.have)} / ${count(f.of)}`}>{f.field}: {t(f.state)}</Badge>
                  ))}
                </Group>
              </Panel>
            )}
          </Stack>
        );
      }}
    </States>
  );
}

function Findings({ list }: { list: readonly Finding[] }) {
  const t = status.useT();
  const zh = useLanguage() === 'zh';
  if (list.length === 0) return <Text size="sm" c="dimmed">{t('noFindings')}</Text>;
  return (
    <Stack gap={6}>
      {list.map((f) => {
        const setting = (zh ? f.setting_zh : undefined) ?? f.setting;
        const note = (zh ? f.note_zh : undefined) ?? f.note;
        return (
          <div key={f.code + (f.field ?? '') + f.message}>
            <Group gap={6} align="baseline"><LevelBadge level={level[f.severity]}>{t(f.severity)}</LevelBadge><Text size="sm">{zh ? f.message_zh : f.message}</Text></Group>
            {setting !== undefined && <Group gap={4} wrap="nowrap" mt={2}><Code style={{ whiteSpace: 'pre-wrap' }}>{setting}</Code><CopyButton text={setting} /></Group>}
            {note !== undefined && <Text size="xs" c="dimmed">{note}</Text>}
          </div>
        );
      })}
    </Stack>
  );
}
