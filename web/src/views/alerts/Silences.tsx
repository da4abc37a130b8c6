import { Badge, Button, Group, Paper, Popover, Stack, Switch, Text } from '@mantine/core';
import { notify } from '~/ui/notify';
import { IconPlus } from '@tabler/icons-react';
import { useState } from 'react';
import { duration } from '~/format/number';
import { common } from '~/i18n/common';
import { useSettings } from '~/state/settings';
import { useParam } from '~/state/url';
import { Empty, States } from '~/ui/states';
import { When } from '~/ui/values';
import { useManagerAlerts, useSilenceActions, useSilences } from './data';
import { m } from './messages';
import { format, mutes, type Silence } from './silence';
import classes from './alerts.module.css';

/** What is muted, by whom, why and for how long. */
export function Silences({ onNew, onEdit }: { onNew: () => void; onEdit: (id: string) => void }) {
  const t = m.useT();
  const q = useSilences();
  const [expired, setExpired] = useParam('expired');
  const order = { active: 0, pending: 1, expired: 2 };
  const list = (q.data ?? []).filter((s) => expired === '1' || s.status.state !== 'expired').sort((a, b) => order[a.status.state] - order[b.status.state] || Date.parse(a.endsAt) - Date.parse(b.endsAt));
  return (
    <Stack gap="xs">
      <Group justify="space-between">
        <Switch size="xs" label={t('showExpired')} checked={expired === '1'} onChange={(e) => setExpired(e.currentTarget.checked ? '1' : null)} />
        <Button size="xs" leftSection={<IconPlus size={14} />} onClick={onNew}>{t('newSilence')}</Button>
      </Group>
      <States query={q} height={200}>
        {() => (list.length === 0
          ? <Paper withBorder radius="md"><Empty title={t('noSilences')} hint={t('noSilencesHint')} height={220} /></Paper>
          : <>{list.map((s) => <SilenceCard key={s.id} silence={s} onEdit={() => onEdit(s.id)} />)}</>)}
      </States>
    </Stack>
  );
}

function SilenceCard({ silence: s, onEdit }: { silence: Silence; onEdit: () => void }) {
  const t = m.useT();
  const c = common.useT();
  const { tick } = useSettings();
  const alerts = useManagerAlerts();
  const { expire } = useSilenceActions();
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const gone = s.status.state === 'expired';
  const affected = gone ? 0 : (alerts.data ?? []).filter((a) => mutes(s.matchers, a.labels)).length;
  const run = () => {
    setBusy(true);
    expire(s.id).then(
      () => notify({ message: t('silenceExpired'), withBorder: true }),
      (e: unknown) => notify({ color: 'red', message: e instanceof Error ? e.message : String(e) }),
    ).finally(() => { setBusy(false); setAsking(false); });
  };
  return (
    <Paper withBorder radius="md" p="sm" component="article" aria-label={s.comment}>
      <Group justify="space-between" align="flex-start" gap="xs">
        <Stack gap={4} style={{ minWidth: 0, flex: 1 }}>
          <Group gap={6}>
            <Badge size="sm" variant="light" tt="none" color={gone ? 'gray' : s.status.state === 'active' ? 'green' : 'blue'}>{gone ? t('expired') : s.status.state === 'active' ? t('active') : t('pendingSilence')}</Badge>
            <Text size="sm" fw={500} style={{ overflowWrap: 'anywhere' }}>{s.comment}</Text>
          </Group>
          <Group gap={4}>{s.matchers.map((x) => <span key={format(x)} className={classes.label}>{format(x)}</span>)}</Group>
          <Text size="xs" c="dimmed" component="div">
            {t('by', { name: s.createdBy })} · <When time={s.startsAt} /> – <When time={s.endsAt} />
            {!gone && ` · ${t('endsIn', { d: duration(Math.max(0, (Date.parse(s.endsAt) - tick) / 1000)) })} · ${t('mutesNow')}: ${t('nAlerts', { count: affected })}`}
          </Text>
        </Stack>
        <Group gap={6}>
          <Button size="compact-xs" variant="default" onClick={onEdit}>{gone ? t('again') : t('edit')}</Button>
          {!gone && (
            <Popover opened={asking} onChange={setAsking} withinPortal trapFocus position="bottom-end">
              <Popover.Target><Button size="compact-xs" variant="light" color="red" onClick={() => setAsking(true)}>{t('expire')}</Button></Popover.Target>
              <Popover.Dropdown p="xs">
                <Stack gap={6}>
                  <Text size="xs" maw={240}>{t('expireAsk')}</Text>
                  <Group gap={6}><Button size="compact-xs" color="red" loading={busy} onClick={run}>{t('expire')}</Button><Button size="compact-xs" variant="default" onClick={() => setAsking(false)}>{c('cancel')}</Button></Group>
                </Stack>
              </Popover.Dropdown>
            </Popover>
          )}
        </Group>
      </Group>
    </Paper>
  );
}
