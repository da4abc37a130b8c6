import { ActionIcon, Alert, Autocomplete, Button, Chip, Group, List, Modal, Select, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { notify } from '~/ui/notify';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import { duration } from '~/format/number';
import { dateTime } from '~/format/time';
import { useLanguage } from '~/i18n';
import { common } from '~/i18n/common';
import { useSettings } from '~/state/settings';
import { parseDuration, parseTime } from '~/state/time';
import { Failure } from '~/ui/states';
import { annotation } from './alerts';
import { useAlerts, useSilenceActions } from './data';
import { m } from './messages';
import { durations, matchesAll, mutes, operatorOf, problem, withOperator, type Matcher, type Operator, type Silence } from './silence';

const authorKey = 'pitot.author';

function storedAuthor(): string {
  try {
    return window.localStorage.getItem(authorKey) ?? '';
  } catch {
    return '';
  }
}

interface Draft {
  matchers: Matcher[];
  /** A duration such as 2h, or a time. */
  end: string;
  author: string;
  comment: string;
}

function initial(silence: Silence | undefined, matchers: Matcher[], end: string): Draft {
  if (silence === undefined) return { matchers: matchers.length > 0 ? matchers : [{ name: 'alertname', value: '', isRegex: false, isEqual: true }], end: '2h', author: storedAuthor(), comment: '' };
  return { matchers: silence.matchers, end: silence.status.state === 'expired' ? '2h' : end, author: silence.createdBy, comment: silence.comment };
}

/** A new silence, or one to change. What it would mute is shown before. */
export default function SilenceForm({ silence, matchers, onClose }: { silence?: Silence; matchers: Matcher[]; onClose: () => void }) {
  const t = m.useT();
  const c = common.useT();
  const { zone } = useSettings();
  const { save } = useSilenceActions();
  const [draft, setDraft] = useState(() => initial(silence, matchers, dateTime(Date.parse(silence?.endsAt ?? ''), zone)));
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const change = (d: Partial<Draft>) => setDraft((was) => ({ ...was, ...d }));
  const now = Date.now();
  const span = parseDuration(draft.end);
  const ends = span !== undefined ? now + span * 1000 : parseTime(zone === 'UTC' && /\d$/.test(draft.end) ? draft.end.replace(' ', 'T') + 'Z' : draft.end, now);
  const badEnd = ends === undefined || ends <= now;
  const badMatchers = draft.matchers.map(problem);
  const all = matchesAll(draft.matchers);
  const wrong = badEnd || all || badMatchers.some((b) => b !== undefined) || draft.author.trim() === '' || draft.comment.trim() === '';
  const active = silence !== undefined && silence.status.state !== 'expired';
  const submit = () => {
    setTried(true);
    if (wrong || ends === undefined) return;
    setBusy(true);
    setError(null);
    try {
      window.localStorage.setItem(authorKey, draft.author.trim());
    } catch {
      // Without storage the name is asked for again.
    }
    save({
      ...(active ? { id: silence.id } : {}), matchers: draft.matchers, createdBy: draft.author.trim(), comment: draft.comment.trim(),
      startsAt: active ? silence.startsAt : new Date(now).toISOString(), endsAt: new Date(ends).toISOString(),
    }).then(
      () => {
        notify({ message: t('silenceSaved', { time: dateTime(ends, zone) }), withBorder: true });
        onClose();
      },
      (e: unknown) => setError(e),
    ).finally(() => setBusy(false));
  };
  return (
    <Modal opened onClose={onClose} size="lg" title={active ? t('editSilence') : t('newSilence')} closeButtonProps={{ 'aria-label': c('close') }}>
      <form onSubmit={(e) => { e.preventDefault(); submit(); }} noValidate>
        <Stack gap="sm">
          <Matchers list={draft.matchers} problems={badMatchers} tried={tried} onChange={(list) => change({ matchers: list })} />
          <Stack gap={4}>
            <Text size="sm" fw={500}>{t('duration')}</Text>
            <Group gap={4}>
              <Chip.Group value={draft.end} onChange={(v) => change({ end: String(v) })}>{durations.map(([d, s]) => <Chip key={d} size="xs" value={d}>{duration(s)}</Chip>)}</Chip.Group>
            </Group>
            <TextInput size="xs" label={t('endsAt')} value={draft.end} onChange={(e) => change({ end: e.currentTarget.value })} error={badEnd ? t('badEnd') : undefined} description={badEnd ? undefined : t('until', { time: dateTime(ends, zone) })} />
          </Stack>
          <Group grow align="flex-start">
            <TextInput size="xs" label={t('author')} required value={draft.author} onChange={(e) => change({ author: e.currentTarget.value })} error={tried && draft.author.trim() === '' ? t('needAuthor') : undefined} />
          </Group>
          <Textarea size="xs" label={t('comment')} required autosize minRows={2} placeholder={t('commentHint')} value={draft.comment} onChange={(e) => change({ comment: e.currentTarget.value })} error={tried && draft.comment.trim() === '' ? t('needComment') : undefined} data-autofocus />
          {all ? <Alert color="orange" variant="light" py={6}>{t('affectsAll')}</Alert> : <Affected matchers={draft.matchers} />}
          {error !== null && <Failure error={error} compact />}
          <Group justify="flex-end" gap="xs">
            <Button size="xs" variant="default" onClick={onClose}>{c('cancel')}</Button>
            <Button size="xs" type="submit" loading={busy}>{active ? t('update') : t('create')}</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function Matchers({ list, problems, tried, onChange }: { list: Matcher[]; problems: ('name' | 'regex' | undefined)[]; tried: boolean; onChange: (list: Matcher[]) => void }) {
  const t = m.useT();
  const alerts = useAlerts();
  const labels = useMemo(() => {
    const all = new Map<string, Set<string>>();
    for (const a of alerts.data ?? []) for (const [k, v] of Object.entries(a.labels)) all.set(k, (all.get(k) ?? new Set()).add(v));
    return all;
  }, [alerts.data]);
  const set = (i: number, next: Matcher) => onChange(list.map((each, k) => (k === i ? next : each)));
  return (
    <Stack gap={4} role="group" aria-label={t('matchers')}>
      <Text size="sm" fw={500}>{t('matchers')}</Text>
      <Text size="xs" c="dimmed">{t('matchersHint')}</Text>
      {list.map((x, i) => {
        const n = { n: i + 1 };
        return (
          <Group key={i} gap={4} wrap="nowrap" align="flex-start">
            <Autocomplete size="xs" flex={2} miw={70} aria-label={`${t('matcher', n)}: ${t('label')}`} data={[...labels.keys()].sort()} value={x.name} onChange={(v) => set(i, { ...x, name: v })} error={tried && problems[i] === 'name' ? t('needName') : undefined} />
            <Select size="xs" w={66} allowDeselect={false} aria-label={`${t('matcher', n)}: ${t('operator')}`} data={['=', '!=', '=~', '!~']} value={operatorOf(x)} onChange={(v) => set(i, withOperator(x, (v ?? '=') as Operator))} />
            <Autocomplete size="xs" flex={3} miw={80} aria-label={`${t('matcher', n)}: ${t('value')}`} data={[...(labels.get(x.name) ?? [])].sort()} value={x.value} onChange={(v) => set(i, { ...x, value: v })} error={problems[i] === 'regex' ? t('badRegex') : undefined} />
            <ActionIcon variant="subtle" color="gray" size={30} aria-label={t('removeMatcher', n)} disabled={list.length === 1} onClick={() => onChange(list.filter((_, k) => k !== i))}><IconTrash size={14} /></ActionIcon>
          </Group>
        );
      })}
      <Button size="compact-xs" variant="subtle" w="fit-content" leftSection={<IconPlus size={12} />} onClick={() => onChange([...list, { name: '', value: '', isRegex: false, isEqual: true }])}>{t('addMatcher')}</Button>
    </Stack>
  );
}

const listed = 8;

function Affected({ matchers }: { matchers: Matcher[] }) {
  const t = m.useT();
  const language = useLanguage();
  const alerts = useAlerts();
  const list = (alerts.data ?? []).filter((a) => mutes(matchers, a.labels));
  return (
    <Stack gap={2} role="status">
      <Text size="sm" fw={500}>{t('affected')}: {t('nAlerts', { count: list.length })}</Text>
      {list.length === 0 && <Text size="xs" c="dimmed">{t('affectsNone')}</Text>}
      <List size="xs" spacing={2}>{list.slice(0, listed).map((a) => <List.Item key={a.key}><b>{a.name}</b> {annotation(a.annotations, 'summary', language)}</List.Item>)}</List>
      {list.length > listed && <Text size="xs" c="dimmed">+{list.length - listed}</Text>}
    </Stack>
  );
}
